// Room for what the log is to take: which segment it goes on in, and what a full disk keeps for deletes.
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

// The log goes on in another segment when a group does not fit into this one: in the spare, which the keeper
// has ready. On a full disk that spare, or what the segment has left without one, is the reserve: only
// deletes may use it, so that there is a way out.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class LogRoom {
 public:
  // All must outlive it.
  LogRoom(const Options& options, const std::string& directory, ReaderLock& lock, SegmentTable& segments,
          Keeper& keeper, LogWriter& log, WriterQueue& queue);

  // If writes outrun compaction, they are slowed: asked before the log goes on in another segment. To be set
  // while nothing is being committed.
  void slow_down_while(std::function<bool()> is_behind) { is_behind_ = std::move(is_behind); }

  // Whether a frame whose records take `bytes` can be appended without waiting for room.
  bool has_room(std::size_t bytes) const;
  // Waits for it if need be. An error: only deletes are taken now, in the reserve.
  Status make_room(std::size_t bytes);

  // Where deletes go when make_room() has returned `refusal`: the spare on a full disk, or the segment that
  // the log is in.
  std::shared_ptr<Segment> reserve(const Status& refusal) const;
  // Whether a frame of `bytes` that only removes may be appended to it.
  bool reserve_fits(const Segment& reserve, std::uint64_t bytes) const;
  // Goes on in it, if the log is not there yet; `refusal` if it has gone meanwhile. May throw std::bad_alloc.
  Status go_on_in_reserve(const std::shared_ptr<Segment>& reserve, const Status& refusal);

  // For a frame without records. False: the disk is too full even for that. May throw std::bad_alloc.
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
  std::chrono::steady_clock::time_point plenty_until_ = {};  // of room on the disk
  bool in_reserve_ = false;  // the disk is full, and the log's segment is for deletes alone
};

}  // namespace minikv::engine
