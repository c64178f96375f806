// When the watch logs a full index, and the end of that state.
#include "engine/commit/index_watch.h"

#include <algorithm>

namespace minikv::engine {
namespace {

constexpr std::int64_t kWatchEveryMs = 1000;
constexpr std::uint64_t kRoomPart = 64;  // this part of the limit has to be free again

}  // namespace

IndexWatch::IndexWatch(SharedState& state) : state_(state) {
  const std::uint64_t limit = state_.options.max_index_bytes;
  if (limit != 0 && index_bytes() > limit) state_.full_index.note_no_room(state_.clock.steady_ms());
}

std::uint64_t IndexWatch::index_bytes() const {
  state_.lock.assert_writer_thread();
  return state_.index.memory_bytes();
}

std::optional<std::int64_t> IndexWatch::due_in_ms() {
  if (!is_told_) return state_.full_index.is_on() ? std::optional<std::int64_t>(0) : std::nullopt;
  return std::max<std::int64_t>(next_look_ms_ - state_.clock.steady_ms(), 0);
}

void IndexWatch::run_slice() {
  const std::uint64_t limit = state_.options.max_index_bytes, bytes = index_bytes();
  const std::int64_t now_ms = state_.clock.steady_ms();
  next_look_ms_ = now_ms + kWatchEveryMs;
  if (!is_told_) {
    is_told_ = true;
    state_.log.warn(
        "{}: the keys take {} bytes of memory, and {} are allowed (max_index_memory): writes that add keys "
        "are refused, all others go on",
        state_.directory, bytes, limit);
    return;
  }
  const auto over = state_.full_index.look(now_ms, bytes + limit / kRoomPart <= limit);
  if (!over) return;
  is_told_ = false;
  state_.log.warn(
      "{}: there is room for keys again after {} s; {} writes were refused meanwhile, the keys take {} bytes",
      state_.directory, over->duration_ms / 1000, over->refused, bytes);
}

}  // namespace minikv::engine
