// Room for the log: the segment that it goes on in, and the reserve for deletes on a full disk.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/base/reader_lock.h"
#include "engine/base/thread_annotations.h"
#include "engine/commit/log_writer.h"
#include "engine/commit/writer_queue.h"
#include "engine/core/segment_table.h"
#include "engine/files/keeper.h"
#include "minikv/options.h"
#include "minikv/status.h"

namespace minikv::engine {

// When a group does not fit into the log's segment, the log goes on in the spare, which the keeper has ready.
// On a full disk the spare is the reserve or, without a spare, the room that the segment has left. Only
// deletes may use the reserve, so that clients can make room again.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class LogRoom {
 public:
  // All must outlive it.
  LogRoom(const Options& options, const std::string& directory, ReaderLock& lock, SegmentTable& segments,
          Keeper& keeper, LogWriter& log, WriterQueue& queue);

  // Slows writes that outrun compaction: `is_behind` is asked before the log goes on in another segment. To
  // be set while nothing is being committed.
  void slow_down_while(std::function<bool()> is_behind) { is_behind_ = std::move(is_behind); }

  // Whether a frame with `bytes` of records can be appended without waiting for room.
  bool has_room(std::size_t bytes) const;
  // Makes sure that such a frame can be appended, and waits for room if need be. On an error the writer may
  // append only deletes, to the reserve.
  Status make_room(std::size_t bytes);

  // The segment for deletes when make_room() has returned `refusal`: the spare on a full disk, or the segment
  // that the log is in.
  std::shared_ptr<Segment> reserve(const Status& refusal) const;
  // Whether a frame of `bytes` that only removes may be appended to `reserve`.
  bool reserve_fits(const Segment& reserve, std::uint64_t bytes) const;
  // Goes on in `reserve`, if the log is not there yet. Returns `refusal` if the reserve has gone meanwhile.
  // May throw std::bad_alloc.
  Status go_on_in_reserve(const std::shared_ptr<Segment>& reserve, const Status& refusal);

  // Makes room for a frame without records. False: the disk is too full even for that. May throw
  // std::bad_alloc.
  bool make_room_for_mark();
  // Goes on in the next segment if this one has any frames, waiting for a spare if need be. May throw
  // std::bad_alloc.
  Status rotate();

 private:
  bool leaves_reserve(std::size_t bytes) const;
  Status go_on_for(std::size_t bytes);
  void slow_down();
  Status prepare_to_go_on();
  void go_on_in(std::shared_ptr<Segment> next);

  const Options& options_;
  const std::string& directory_;
  ReaderLock& lock_;
  SegmentTable& segments_ MINIKV_GUARDED_BY(lock_);
  Keeper& keeper_;
  LogWriter& log_;
  WriterQueue& queue_;
  std::function<bool()> is_behind_;
  std::uint64_t reserved_bytes_;  // of the log's segment, for deletes, as long as there is no spare
  std::chrono::steady_clock::time_point plenty_until_ = {};  // the disk has plenty of room
  bool in_reserve_ = false;  // the disk is full, and the log's segment is for deletes alone
};

}  // namespace minikv::engine
