// Each hold of the lock gathers a piece of the walk. The scanner reads its values and makes its items without
// the lock.
#include "engine/store/scanner.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/key_cursor.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kKeysPerHold = 256;
constexpr std::size_t kValuesAhead = 8;     // prefetched
constexpr std::size_t kLargePage = 65'536;  // items that room is reserved for at once

bool with_handles(const ScanOptions& options) { return options.with_values || options.with_handles; }

}  // namespace

// What one hold of the lock found. The keys lie in one string, so that the hold allocates nothing per key.
struct Scanner::Piece {
  // Looks at up to `limit` keys.
  void find(const SharedState& state, const Remaining& remaining, std::size_t limit, bool wants_handles,
            std::int64_t now_ms) MINIKV_REQUIRES_SHARED(state.lock) {
    clear();
    is_last = true;
    std::size_t seen = 0;
    std::string_view reached;
    const auto visit = [&](std::string_view key, const Location& location) {
      state.lock.assert_shared();
      if (seen++ == limit) {
        is_last = false;
        return false;
      }
      reached = key;
      if (!state.is_there(key, location, now_ms)) return true;
      keys.append(key);
      ends.push_back(keys.size());
      if (wants_handles) handles.push_back(HandleAccess::make(state.segment_of(location), location));
      return true;
    };
    if (remaining.reverse) {
      state.index.walk_range_back(remaining.range(), visit);
    } else {
      state.index.walk_range(remaining.range(), visit);
    }
    last = reached;
  }
  void clear() {
    keys.clear();
    ends.clear();
    handles.clear();
  }
  std::size_t size() const { return ends.size(); }
  std::string_view key(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(keys).substr(begin, ends[i] - begin);
  }

  std::string keys;
  std::vector<std::size_t> ends;
  std::vector<ValueHandle> handles;  // if they are wanted
  std::string last;                  // key that was seen, there or not
  bool is_last = false;              // there are no more keys behind it
};

ScanPage Scanner::scan(const ScanOptions& options) const {
  ScanPage page;
  state_.in_order.wait();
  if (closing_) return page;
  Remaining remaining(options);
  const std::int64_t now_ms = state_.clock.now_ms();
  std::uint64_t bytes = 0;
  std::size_t most = 0;  // items that the page may have
  Piece piece;
  while (!piece.is_last) {
    // One key more than wanted says whether there are more.
    const std::size_t wanted = options.limit - page.items.size();
    {
      SharedGuard guard(state_.lock);
      if (page.items.empty()) most = std::min({options.limit, state_.index.size(), kLargePage});
      piece.find(state_, remaining, std::min(wanted, kKeysPerHold - 1) + 1, with_handles(options), now_ms);
    }
    remaining.go_on_behind(piece.last);
    if (page.items.empty()) page.items.reserve(piece.is_last ? piece.size() : most);
    if (!add_items(piece, options, page, bytes)) break;
  }
  return page;
}

// False: the page is full.
bool Scanner::add_items(Piece& piece, const ScanOptions& options, ScanPage& page,
                        std::uint64_t& bytes) const {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    if (page.items.size() == options.limit || (bytes >= options.max_bytes && !page.items.empty())) {
      page.more = true;
      return false;
    }
    // The prefetch helps, since neighbours in the sorted index are anywhere in the files.
    if (options.with_values && i + kValuesAhead < piece.handles.size())
      HandleAccess::prefetch(piece.handles[i + kValuesAhead]);
    ScanItem& out = page.items.emplace_back();
    out.key = piece.key(i);
    bytes += out.key.size();
    if (!with_handles(options)) continue;
    bytes += piece.handles[i].value_bytes();
    if (options.with_handles) {
      out.handle = std::move(piece.handles[i]);
      continue;
    }
    auto value = values_.read(out.key, piece.handles[i]);
    out.status = value.status();
    if (value) out.value = std::move(*value);
  }
  return true;
}

UnorderedPage Scanner::walk_unordered(std::uint64_t position, std::size_t count) const {
  UnorderedPage page;
  if (closing_) return page;
  const std::int64_t now_ms = state_.clock.now_ms();
  page.next = position;
  std::size_t seen = 0;
  do {
    const std::size_t wanted = std::min(count - seen, kKeysPerHold);
    SharedGuard guard(state_.lock);
    page.next =
        state_.index.walk_unordered(page.next, wanted, [&](std::string_view key, const Location& location) {
          state_.lock.assert_shared();
          ++seen;
          if (state_.is_there(key, location, now_ms)) page.keys.emplace_back(key);
        });
  } while (page.next != 0 && seen < count);
  return page;
}

}  // namespace minikv::engine
