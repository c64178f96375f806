// Commits of the manifest.
#include "engine/files/store_manifest.h"

#include <algorithm>
#include <random>
#include <utility>

namespace minikv::engine {

StoreManifest::StoreManifest(StoreContext& context, KeeperMonitor& monitor, Manifest manifest,
                             ManifestFile file)
    : context_(context),
      monitor_(monitor),
      store_id_(manifest.store_id),
      file_(std::move(file)),
      manifest_(std::move(manifest)),
      next_segment_id_(manifest_.next_segment_id) {}

SegmentId StoreManifest::allocate_segment_id() {
  MutexLock lock(monitor_.mutex());
  return std::exchange(next_segment_id_, next_segment_id_.next());
}

SegmentIdentity StoreManifest::make_segment_identity() {
  std::random_device random;
  return {allocate_segment_id(), std::uint64_t{random()} << 32 | random()};
}

Manifest StoreManifest::copy() const {
  MutexLock lock(monitor_.mutex());
  return manifest_;
}

std::vector<ManifestSegment> StoreManifest::segments() const {
  MutexLock lock(monitor_.mutex());
  return manifest_.segments;
}

LeadRecord StoreManifest::lead() const {
  MutexLock lock(monitor_.mutex());
  return manifest_.lead;
}

std::uint64_t StoreManifest::segment_bytes(std::uint64_t most) const {
  std::uint64_t bytes = 0;
  MutexLock lock(monitor_.mutex());
  for (const ManifestSegment& entry : manifest_.segments) {
    if (bytes >= most) break;
    if (entry.state != SegmentState::kDropped) bytes += entry.size;
  }
  return std::min(bytes, most);
}

Status StoreManifest::commit(Manifest& next) {
  const OneAtATime::Scope alone(commits_);
  {
    MutexLock lock(monitor_.mutex());
    next.next_segment_id = next_segment_id_.number();
  }
  next.engine_time_ms = context_.clock.now_ms();
  next.lead = context_.clock.record(next.lead);
  const bool is_new_feature = !next.knows_lengths();
  next.incompat_features |= kFeatureLengths;
  // A sealed segment is cut to its frames: nothing of an earlier one counts as its part.
  for (ManifestSegment& entry : next.segments) {
    if (entry.state != SegmentState::kActive && entry.state != SegmentState::kSpare) entry.flags = 0;
  }
  Manifest kept = next;  // nothing may fail once it is on disk
  MINIKV_TRY(file_.commit(next));
  if (is_new_feature) {
    context_.log.info(
        "{}: the manifest knows the lengths of files from now on; versions of minikv from before that refuse "
        "the store (\"minikvd repair\" writes one that they open)",
        context_.directory);
  }
  if (kept.has_recycled() && !std::exchange(is_recycling_told_, true)) {
    context_.log.info(
        "{}: files of compacted segments are recycled from now on; versions of minikv from before that "
        "refuse "
        "the store until it was closed in order (\"minikvd repair\" writes one that they open)",
        context_.directory);
  }
  MutexLock lock(monitor_.mutex());
  kept.generation = next.generation;
  manifest_ = std::move(kept);
  return {};
}

void StoreManifest::assume(Manifest next) {
  const OneAtATime::Scope alone(commits_);
  MutexLock lock(monitor_.mutex());
  manifest_ = std::move(next);
}

void StoreManifest::forget_dropped() {
  const OneAtATime::Scope alone(commits_);
  MutexLock lock(monitor_.mutex());
  std::erase_if(manifest_.segments,
                [](const ManifestSegment& entry) { return entry.state == SegmentState::kDropped; });
}

void StoreManifest::forget_dropped(SegmentId id) {
  const OneAtATime::Scope alone(commits_);
  MutexLock lock(monitor_.mutex());
  std::erase_if(manifest_.segments, [id](const ManifestSegment& entry) {
    return id_of(entry) == id && entry.state == SegmentState::kDropped;
  });
}

}  // namespace minikv::engine
