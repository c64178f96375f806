// The engine's reads: look up under the readers' lock, then read and check outside it.

#include <algorithm>
#include <optional>

#include "engine/store/engine.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kKeysPerHold = 256;

Status closed() { return {StatusCode::kShutdown, "the store is closed"}; }
Status not_found() { return {StatusCode::kNotFound, "no such key"}; }

// The first byte string that does not begin with `prefix` and is behind all that do; nothing: there is none.
std::optional<std::string> behind_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// Where a walk begins and where it ends, in its direction.
struct Range {
  explicit Range(const ScanOptions& options)
      : low(std::max(options.from, options.prefix)), high(options.to), reverse(options.reverse) {
    if (const auto end = behind_prefix(options.prefix); end && (!high || *end < *high)) high = end;
    if (!options.after) return;
    if (reverse) {
      if (!high || *options.after < *high) high = options.after;
    } else if (*options.after >= low) {
      low = *options.after;
      low_included = false;
    }
  }

  bool is_inside(std::string_view key) const {
    return reverse ? key > low || (low_included && key == low) : !high || key < *high;
  }

  std::string low;
  bool low_included = true;
  std::optional<std::string> high;  // not included
  bool reverse;
};

struct Found {
  std::string key;
  ValueHandle handle;
};

}  // namespace

std::optional<ValueHandle> Engine::locate(std::string_view key) const {
  ValueHandle handle;
  {
    SharedGuard guard(state_->lock);
    const auto place = state_->index.find(key);
    if (!place) return std::nullopt;
    handle = HandleAccess::make(state_->segments.find(place->segment)->second, *place);
  }
  if (handle.expiry_ms() != kNoExpiry && handle.expiry_ms() <= now_ms()) return std::nullopt;
  return handle;
}

Result<Value> Engine::get(std::string_view key) const {
  if (closing_) return closed();
  const auto handle = locate(key);
  if (!handle) return not_found();
  return read(key, *handle);
}

Result<Value> Engine::read(std::string_view key, const ValueHandle& handle) const {
  // A large value that is not in memory would cost a page fault for every page.
  if (ReaderPool::is_this_thread_one() || handle.value_bytes() > Store::kMaxValueAtOnceBytes)
    return HandleAccess::read_from_disk(handle, key, state_->warm_pages);
  return HandleAccess::read(handle, key);
}

std::optional<Result<Value>> Engine::try_read(std::string_view key, const ValueHandle& handle) const {
  if (handle.value_bytes() > Store::kMaxValueAtOnceBytes) return std::nullopt;
  return HandleAccess::try_read(handle, key, state_->warm_pages);
}

std::vector<std::optional<ValueHandle>> Engine::multi_locate(std::span<const std::string_view> keys) const {
  std::vector<std::optional<ValueHandle>> handles(keys.size());
  const std::int64_t now = now_ms();
  {
    SharedGuard guard(state_->lock);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto place = state_->index.find(keys[i]);
      if (!place || !is_present(*place, now)) continue;
      handles[i] = HandleAccess::make(state_->segments.find(place->segment)->second, *place);
    }
  }
  return handles;
}

std::vector<Result<Value>> Engine::multi_get(std::span<const std::string_view> keys) const {
  if (closing_) return std::vector<Result<Value>>(keys.size(), closed());
  const std::vector<std::optional<ValueHandle>> handles = multi_locate(keys);
  std::vector<Result<Value>> values;
  values.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    values.push_back(handles[i] ? read(keys[i], *handles[i]) : Result<Value>(not_found()));
  }
  return values;
}

std::size_t Engine::count_existing(std::span<const std::string_view> keys) const {
  const std::int64_t now = now_ms();
  std::size_t count = 0;
  SharedGuard guard(state_->lock);
  for (const std::string_view key : keys) {
    const auto place = state_->index.find(key);
    if (place && is_present(*place, now)) ++count;
  }
  return count;
}

std::uint64_t Engine::size() const {
  SharedGuard guard(state_->lock);
  return state_->index.size();
}

ScanPage Engine::scan(const ScanOptions& options) const {
  ScanPage page;
  if (closing_) return page;
  Range range(options);
  const std::int64_t now = now_ms();
  std::uint64_t bytes = 0;
  std::vector<Found> found;
  bool at_end = false;
  while (!at_end) {
    found.clear();
    at_end = true;
    std::size_t seen = 0;
    std::string last;
    {
      SharedGuard guard(state_->lock);
      const auto visit = [&](std::string_view key, const Place& place) {
        state_->lock.assert_shared();
        if (!range.is_inside(key)) return false;
        if (seen++ == kKeysPerHold) {
          at_end = false;
          return false;
        }
        last.assign(key);
        if (is_present(place, now)) {
          auto handle = options.with_values || options.with_places
                            ? HandleAccess::make(state_->segments.find(place.segment)->second, place)
                            : ValueHandle();
          found.push_back({last, std::move(handle)});
        }
        return true;
      };
      if (range.reverse) {
        state_->index.walk_back(range.high ? std::optional(Index::Start{*range.high, false}) : std::nullopt,
                                visit);
      } else {
        state_->index.walk(Index::Start{range.low, range.low_included}, visit);
      }
    }
    if (range.reverse) {
      range.high = last;
    } else {
      range.low = last;
      range.low_included = false;
    }
    for (Found& item : found) {
      if (page.items.size() == options.limit || (bytes >= options.max_bytes && !page.items.empty())) {
        page.more = true;
        return page;
      }
      ScanItem& out = page.items.emplace_back();
      bytes += item.key.size();
      bytes += item.handle.value_bytes();
      if (options.with_places) {
        out.place = std::move(item.handle);
      } else if (options.with_values) {
        auto value = read(item.key, item.handle);
        out.status = value.status();
        if (value) out.value = std::move(*value);
      }
      out.key = std::move(item.key);
    }
  }
  return page;
}

}  // namespace minikv::engine
