// Walks over many keys: in pieces of a few hundred, so that the lock is never held for longer than one takes.

#include <algorithm>

#include "engine/core/key_cursor.h"
#include "engine/store/engine.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kKeysPerHold = 256;
constexpr std::size_t kValuesAhead = 8;     // fetched
constexpr std::size_t kLargePage = 65'536;  // items; for more, room is made as they come

// What one hold of the lock found. The keys lie in one string, so that nothing is allocated for each of them meanwhile.
struct Piece {
  void clear() {
    keys.clear();
    ends.clear();
    handles.clear();
  }
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

// Looks at up to `limit` keys.
void find_piece(const SharedState& state, const Remaining& remaining, std::size_t limit, bool with_handles,
                std::int64_t now, Piece& piece) MINIKV_REQUIRES_SHARED(state.lock) {
  piece.clear();
  piece.is_last = true;
  std::size_t seen = 0;
  std::string_view last;
  const auto visit = [&](std::string_view key, const Place& place) {
    state.lock.assert_shared();
    if (seen++ == limit) {
      piece.is_last = false;
      return false;
    }
    last = key;
    if (!state.is_there(key, place, now)) return true;
    piece.keys.append(key);
    piece.ends.push_back(piece.keys.size());
    if (with_handles) {
      piece.handles.push_back(HandleAccess::make(state.segment_of(place), place));
    }
    return true;
  };
  if (remaining.reverse) {
    state.index.walk_range_back(remaining.range(), visit);
  } else {
    state.index.walk_range(remaining.range(), visit);
  }
  piece.last = last;
}

}  // namespace

ScanPage Engine::scan(const ScanOptions& options) const {
  ScanPage page;
  state_->in_order.wait();
  if (closing_) return page;
  Remaining remaining(options);
  const std::int64_t now = now_ms();
  std::uint64_t bytes = 0;
  const bool with_handles = options.with_values || options.with_places;
  std::size_t most = 0;  // items that the page may have
  Piece piece;
  while (!piece.is_last) {
    // One more than is wanted says whether there are more.
    const std::size_t wanted = options.limit - page.items.size();
    {
      SharedGuard guard(state_->lock);
      if (page.items.empty()) most = std::min({options.limit, state_->index.size(), kLargePage});
      find_piece(*state_, remaining, std::min(wanted, kKeysPerHold - 1) + 1, with_handles, now, piece);
    }
    remaining.go_on_behind(piece.last);
    if (page.items.empty()) {
      page.items.reserve(piece.is_last ? piece.ends.size() : most);
    }
    for (std::size_t i = 0; i < piece.ends.size(); ++i) {
      if (page.items.size() == options.limit || (bytes >= options.max_bytes && !page.items.empty())) {
        page.more = true;
        return page;
      }
      // Neighbours in the order of keys are anywhere in the files.
      if (options.with_values && i + kValuesAhead < piece.handles.size())
        HandleAccess::fetch_ahead(piece.handles[i + kValuesAhead]);
      ScanItem& out = page.items.emplace_back();
      out.key = piece.key(i);
      bytes += out.key.size();
      if (!with_handles) continue;
      bytes += piece.handles[i].value_bytes();
      if (options.with_places) {
        out.place = std::move(piece.handles[i]);
        continue;
      }
      auto value = read(out.key, piece.handles[i]);
      out.status = value.status();
      if (value) out.value = std::move(*value);
    }
  }
  return page;
}

UnorderedPage Engine::walk_unordered(std::uint64_t position, std::size_t count) const {
  UnorderedPage page;
  if (closing_) return page;
  const std::int64_t now = now_ms();
  page.next = position;
  std::size_t seen = 0;
  do {
    const std::size_t wanted = std::min(count - seen, kKeysPerHold);
    SharedGuard guard(state_->lock);
    page.next =
        state_->index.walk_unordered(page.next, wanted, [&](std::string_view key, const Place& place) {
          state_->lock.assert_shared();
          ++seen;
          if (state_->is_there(key, place, now)) page.keys.emplace_back(key);
        });
  } while (page.next != 0 && seen < count);
  return page;
}

}  // namespace minikv::engine
