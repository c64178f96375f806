// The segments of the log: the active one, and those before it that are not sealed yet.
#pragma once

#include <cassert>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/files/keeper_monitor.h"
#include "engine/segment/segment.h"

namespace minikv::engine {

// A log segment that takes no more frames.
struct RetiredSegment {
  std::shared_ptr<Segment> segment;
  std::uint64_t used_bytes = 0;
  std::uint64_t min_seq = 0;  // of its records; 0 and 0 without any
  std::uint64_t max_seq = 0;
};

// Thread safety: all members are called with the keeper's mutex held.
class LogSegments {
 public:
  // To be called once, before all others but active().
  void begin(std::shared_ptr<Segment> active) MINIKV_REQUIRES(keeper_mutex) {
    assert(active != nullptr && active_ == nullptr);
    active_ = std::move(active);
  }
  // The log goes on in `next`. The active segment `full` is to be sealed.
  void retire(const RetiredSegment& full, std::shared_ptr<Segment> next) MINIKV_REQUIRES(keeper_mutex) {
    assert(full.segment == active_ && next != nullptr && next != active_);
    retired_.push_back(full);
    active_ = std::move(next);
  }
  // The oldest retired segment has been sealed.
  void note_sealed() MINIKV_REQUIRES(keeper_mutex) {
    assert(has_retired());
    retired_.pop_front();
  }

  // Null before begin().
  const Segment* active() const MINIKV_REQUIRES(keeper_mutex) { return active_.get(); }
  bool has_retired() const MINIKV_REQUIRES(keeper_mutex) { return !retired_.empty(); }
  // Needs has_retired().
  const RetiredSegment& oldest_retired() const MINIKV_REQUIRES(keeper_mutex) {
    assert(has_retired());
    return retired_.front();
  }
  // The segment that the log goes on in behind the oldest retired one. Needs has_retired().
  const Segment& behind_oldest_retired() const MINIKV_REQUIRES(keeper_mutex) {
    assert(has_retired());
    return retired_.size() > 1 ? *retired_[1].segment : *active_;
  }
  // Whether there was no room for a log when the store was opened, and a log that was made since is not in
  // the manifest yet.
  bool is_missing() const MINIKV_REQUIRES(keeper_mutex) {
    const Segment* const oldest = has_retired() ? retired_.front().segment.get() : active_.get();
    return oldest != nullptr && oldest->id() == kNoSegment;
  }
  // All segments, the oldest first.
  std::vector<std::shared_ptr<Segment>> all() const MINIKV_REQUIRES(keeper_mutex) {
    std::vector<std::shared_ptr<Segment>> segments;
    for (const RetiredSegment& retired : retired_) segments.push_back(retired.segment);
    segments.push_back(active_);
    return segments;
  }

 private:
  std::deque<RetiredSegment> retired_ MINIKV_GUARDED_BY(keeper_mutex);
  std::shared_ptr<Segment> active_ MINIKV_GUARDED_BY(keeper_mutex);
};

}  // namespace minikv::engine
