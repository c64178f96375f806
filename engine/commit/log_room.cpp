// When the log goes on in another segment, and what is left to deletes on a full disk.
#include "engine/commit/log_room.h"

#include <algorithm>

#include <fmt/format.h>

namespace minikv::engine {
namespace {

constexpr std::uint64_t kPlentySegments = 4;
constexpr auto kPlentyHolds = std::chrono::milliseconds(100);
constexpr auto kMaxBrake = std::chrono::milliseconds(500), kBrakePause = std::chrono::milliseconds(10);

}  // namespace

LogRoom::LogRoom(const Options& options, const std::string& directory, ReaderLock& lock,
                 SegmentTable& segments, Keeper& keeper, LogWriter& log, WriterQueue& queue)
    : options_(options),
      directory_(directory),
      lock_(lock),
      segments_(segments),
      keeper_(keeper),
      log_(log),
      queue_(queue),
      reserved_bytes_(keeper.disk().reserved_bytes()) {}

bool LogRoom::has_room(std::size_t bytes) const {
  return !in_reserve_ && log_.fits(bytes) && leaves_reserve(bytes);
}

Status LogRoom::make_room(std::size_t bytes) {
  if (in_reserve_ && keeper_.spare().is_ready())
    in_reserve_ = false;  // there is room for another segment again
  if (in_reserve_) return disk_full(directory_, kRoomIsKept);
  if (!log_.fits(bytes)) {
    slow_down();
    // A call that slow_down() has run may have rotated the log.
    if (!log_.fits(bytes)) MINIKV_TRY(go_on_for(bytes));
  }
  if (leaves_reserve(bytes)) return {};
  const std::uint64_t end = log_.end_with(bytes);
  const std::uint64_t more = end - std::clamp(log_.own_bytes(), log_.used_bytes(), end);
  if (keeper_.disk().may_grow_log(more + kPlentySegments * options_.segment_size)) {
    plenty_until_ = std::chrono::steady_clock::now() + kPlentyHolds;
    return {};
  }
  return keeper_.disk().may_grow_log(more) ? Status() : keeper_.spare().wait_until_ready();
}

// Whether deletes will still find room, however full the disk is by then.
bool LogRoom::leaves_reserve(std::size_t bytes) const {
  const std::uint64_t end = log_.end_with(bytes);
  if (end + reserved_bytes_ <= log_.own_bytes()) return true;
  // The keeper may be slower than the writer. As long as the disk has plenty of room, the writer need not ask
  // it each time.
  if (end <= log_.own_bytes() && std::chrono::steady_clock::now() < plenty_until_) return true;
  return keeper_.spare().is_ready();
}

// The brake holds for at most kMaxBrake: a compaction without progress (no room, an error) must not keep
// clients from writing. The writer runs calls meanwhile, since compaction waits for its own.
void LogRoom::slow_down() {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + kMaxBrake;
  while (is_behind_ && is_behind_() && steady_clock::now() < deadline) {
    if (queue_.run_call()) continue;
    queue_.wait_for_call(std::min(deadline, steady_clock::now() + kBrakePause));
  }
}

// ---- the next segment ----

Status LogRoom::go_on_for(std::size_t bytes) {
  MINIKV_TRY(prepare_to_go_on());
  auto spare = keeper_.spare().take();
  // While the spare is not ready, the segment grows a little, so that clients need not wait.
  const std::uint64_t size = options_.segment_size;
  const bool can_grow = log_.segment()->id() != kNoSegment && log_.used_bytes() < size + size / 4;
  if (spare && !*spare && (!can_grow || !keeper_.disk().may_grow_log(bytes))) {
    spare = keeper_.spare().wait_and_take();
  }
  if (!spare) return spare.status();
  if (*spare) go_on_in(std::move(*spare));
  return {};
}

// Does what may fail before a segment is taken from the keeper for go_on_in(), which can't give it back.
Status LogRoom::prepare_to_go_on() {
  MINIKV_TRY(log_.undo_failed_write());
  ExclusiveGuard guard(lock_);
  segments_.reserve_one();
  return {};
}

void LogRoom::go_on_in(std::shared_ptr<Segment> next) {
  {
    ExclusiveGuard guard(lock_);
    segments_.emplace(next->id(), next);
  }
  log_.roll_to(std::move(next));
  reserved_bytes_ = keeper_.disk().reserved_bytes();
}

Status LogRoom::rotate() {
  if (!log_.has_frames()) return {};
  if (keeper_.disk().is_tight())
    return disk_full(directory_, "the spare segment is kept for deletes and compaction");
  MINIKV_TRY(prepare_to_go_on());
  auto spare = keeper_.spare().wait_and_take();
  if (!spare) return spare.status();
  go_on_in(std::move(*spare));
  return {};
}

bool LogRoom::make_room_for_mark() {
  if (in_reserve_ || (!leaves_reserve(0) && keeper_.disk().is_tight())) return false;
  if (log_.end_with(0) <= options_.segment_size) return true;
  if (!prepare_to_go_on()) return true;  // the append will say why
  if (auto spare = keeper_.spare().take(); spare && *spare) go_on_in(std::move(*spare));
  return true;
}

// ---- the reserve ----

std::shared_ptr<Segment> LogRoom::reserve(const Status& refusal) const {
  if (in_reserve_ || refusal.code() != StatusCode::kDiskFull) return log_.segment();
  auto spare = keeper_.spare().reserve();
  return spare ? spare : log_.segment();
}

// On a full disk the reserve is the room that the segment has left. Where something else keeps the log from
// going on in another segment (no inode, no descriptor), the segment may grow.
bool LogRoom::reserve_fits(const Segment& reserve, std::uint64_t bytes) const {
  const std::uint64_t size = options_.segment_size;
  const std::uint64_t end = reserve.used() + bytes;
  return end <= size || (end <= 2 * size && keeper_.disk().may_grow_log(bytes));
}

Status LogRoom::go_on_in_reserve(const std::shared_ptr<Segment>& reserve, const Status& refusal) {
  if (reserve == log_.segment()) return {};
  MINIKV_TRY(prepare_to_go_on());
  if (keeper_.spare().take_reserve() != reserve) return refusal;
  go_on_in(reserve);
  in_reserve_ = true;
  return {};
}

}  // namespace minikv::engine
