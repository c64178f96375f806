// The room on the disk: what is free, what dropped segments take, and what is being given back.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"
#include "engine/files/dropped_files.h"
#include "engine/files/keeper_monitor.h"
#include "engine/files/paced_release.h"
#include "engine/files/store_manifest.h"

namespace minikv::engine {

// Thread safety: free_bytes(), is_tight(), may_grow_log(), reserved_bytes() and tell_tight() may be called
// from any thread, the others by the keeper's alone.
class DiskSpace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  DiskSpace(StoreContext& context, KeeperMonitor& monitor, const StoreManifest& manifest)
      : context_(context), monitor_(monitor), manifest_(manifest), dropped_(context), release_(context) {}

  // Bytes that may still be written, with those that are being given back.
  Result<std::uint64_t> free_bytes() const;
  // Whether there is no room for another segment.
  bool is_tight() const { return !may_grow_log(0); }
  // Whether a log without a spare may take `bytes` more of the disk and leave enough for a spare.
  bool may_grow_log(std::uint64_t bytes) const;
  // How many bytes of a log without a spare are kept for deletes: a part of a segment or, where the store has
  // less room in all than a segment, of that room.
  std::uint64_t reserved_bytes() const MINIKV_EXCLUDES(keeper_mutex);
  // tell_tight() calls `callback`, on its own thread. To be set before another thread sees this object.
  void on_tight(std::function<void()> callback) { tight_ = std::move(callback); }
  // To be called when the disk has become tight, or something was refused because it is.
  void tell_tight() const {
    if (tight_) tight_();
  }

  // ---- what dropped segments take ----
  DroppedFiles& dropped() { return dropped_; }
  bool has_recyclable() const { return dropped_.has_recyclable(); }
  // Whether there is so little room, or the store has been written to so little, that no file is worth
  // keeping.
  bool is_keeping_over() const MINIKV_REQUIRES(keeper_mutex);
  // Whether a file of a dropped segment should be unlinked now.
  bool is_unlinking_due() const MINIKV_REQUIRES(keeper_mutex);

  // ---- what is being given back ----
  // Takes segments with unlinked files, to give their space back.
  void give_back(std::vector<std::unique_ptr<Segment>> segments) { release_.add(std::move(segments)); }
  bool is_giving_back() const { return !release_.is_empty(); }
  // Whether a piece should be given back now.
  bool is_release_due() const MINIKV_REQUIRES(keeper_mutex);
  // How many more segments may give their space back at the same time, each of which has a descriptor.
  std::size_t room_to_give_back() const;
  // Whether so much has gathered, or there is so little other room, that the release goes before the next
  // spare and without rests.
  bool is_release_late() const;
  // When the next piece should be given back, while there is one.
  Time next_release_at() const { return release_.next_at(); }
  void release_piece() { release_.release_piece(is_release_late() ? Urgency::kHigh : Urgency::kNone); }
  void release_all() { release_.release_all(); }

 private:
  StoreContext& context_;
  KeeperMonitor& monitor_;
  const StoreManifest& manifest_;
  DroppedFiles dropped_;
  PacedRelease release_;
  std::function<void()> tight_;
};

}  // namespace minikv::engine
