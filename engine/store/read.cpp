// The engine's reads: look up under the readers' lock, then read and check outside it.

#include <new>
#include <optional>

#include "engine/store/engine.h"

namespace minikv::engine {
namespace {

Status closed() { return {StatusCode::kShutdown, "the store is closed"}; }
Status not_found() { return {StatusCode::kNotFound, "no such key"}; }

// Through the mapping, a large value that is not in memory would cost a page fault for every page.
bool reads_from_disk(const ValueHandle& handle) {
  return ReaderPool::is_this_thread_one() || handle.value_bytes() > Store::kMaxValueAtOnceBytes;
}

}  // namespace

std::optional<ValueHandle> Engine::locate(std::string_view key) const {
  ValueHandle handle;
  {
    SharedGuard guard(state_->lock);
    const auto place = state_->index.find(key);
    if (!place || state_->ranges.cover(key, place->sequence)) return std::nullopt;
    handle = HandleAccess::make(state_->segment_of(*place), *place);
  }
  if (handle.expiry_ms() != kNoExpiry && handle.expiry_ms() <= now_ms()) return std::nullopt;
  return handle;
}

void Engine::fetch_ahead(std::span<const std::string_view> keys) const {
  SharedGuard guard(state_->lock);
  state_->index.fetch_ahead(keys, [this](const Place& place) {
    state_->lock.assert_shared();
    const auto found = state_->segments.find(place.segment);
    if (found == state_->segments.end()) return;
    found->second->mapping().fetch_ahead(place.offset, sizeof(RecordHeader) + place.value_bytes);
  });
}

Result<Value> Engine::get(std::string_view key) const {
  if (closing_) return closed();
  const auto handle = locate(key);
  if (!handle) return not_found();
  return read(key, *handle);
}

Result<Value> Engine::read(std::string_view key, const ValueHandle& handle, std::size_t room_bytes) const {
  if (reads_from_disk(handle))
    return HandleAccess::read_from_disk(handle, key, state_->warm_pages, room_bytes);
  return HandleAccess::read(handle, key, state_->warm_pages, room_bytes);
}

Status Engine::read_into(std::string_view key, const ValueHandle& handle, std::span<char> out,
                         const std::function<bool()>& should_stop) const {
  if (reads_from_disk(handle))
    return HandleAccess::read_from_disk(handle, key, out, state_->warm_pages, should_stop);
  return HandleAccess::read(handle, key, out, state_->warm_pages);
}

std::optional<Result<Value>> Engine::try_read(std::string_view key, const ValueHandle& handle) const {
  if (handle.value_bytes() > Store::kMaxValueAtOnceBytes) return std::nullopt;
  return HandleAccess::try_read(handle, key, state_->warm_pages);
}

std::optional<Status> Engine::try_read_into(std::string_view key, const ValueHandle& handle,
                                            std::span<char> out) const {
  if (handle.value_bytes() > Store::kMaxValueAtOnceBytes) return std::nullopt;
  return HandleAccess::try_read(handle, key, out, state_->warm_pages);
}

std::vector<std::optional<ValueHandle>> Engine::multi_locate(std::span<const std::string_view> keys) const {
  std::vector<std::optional<ValueHandle>> handles(keys.size());
  if (keys.size() > Store::kMaxKeysAtOnce) {
    KeyLookup lookup(keys);
    look_up_or_throw(lookup);
    for (std::size_t i = 0; i < keys.size(); ++i) handles[i] = lookup.handle(i);
    return handles;
  }
  const std::int64_t now = now_ms();
  for (std::size_t first = 0; keys.size() > 1 && first < keys.size(); first += Index::kMostAhead) {
    fetch_ahead(keys.subspan(first));
  }
  {
    SharedGuard guard(state_->lock);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto place = state_->look_up(keys[i], now);
      if (!place) continue;
      handles[i] = HandleAccess::make(state_->segment_of(*place), *place);
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

// What returns a container can't say why there is none.
void Engine::look_up_or_throw(KeyLookup& lookup) const {
  if (!look_up(lookup, {})) throw std::bad_alloc();
}

std::size_t Engine::count_existing(std::span<const std::string_view> keys) const {
  if (keys.size() > Store::kMaxKeysAtOnce) {
    KeyLookup lookup(keys);
    look_up_or_throw(lookup);
    return lookup.there();
  }
  const std::int64_t now = now_ms();
  std::size_t count = 0;
  SharedGuard guard(state_->lock);
  for (const std::string_view key : keys) {
    if (state_->look_up(key, now)) ++count;
  }
  return count;
}

std::uint64_t Engine::size() const {
  const std::int64_t now = now_ms();
  SharedGuard guard(state_->lock);
  return state_->key_count(now);
}

}  // namespace minikv::engine
