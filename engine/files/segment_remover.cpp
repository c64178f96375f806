// From the graveyard to a file that is gone.
#include "engine/files/segment_remover.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "engine/format/file_names.h"

namespace minikv::engine {

// While the store is being closed, the remover waits for nothing.
bool SegmentRemover::may_bury() const {
  return !context_.graveyard->is_empty() &&
         (disk_.segments_to_give_back() < kMaxDying || monitor_.is_stopping());
}

Status SegmentRemover::bury() { return bury(context_.graveyard->take()); }

// Each segment that gives back its space has a descriptor, so that the others wait for their turn.
Status SegmentRemover::bury_some() {
  bool is_stopping = false;
  {
    MutexLock lock(monitor_.mutex());
    is_stopping = monitor_.is_stopping();
  }
  if (is_stopping) return bury();
  auto dead = context_.graveyard->take();
  const std::size_t room = kMaxDying - std::min(disk_.segments_to_give_back(), kMaxDying);
  while (dead.size() > room) {
    context_.graveyard->add(std::move(dead.back()));
    dead.pop_back();
  }
  return bury(std::move(dead));
}

Status SegmentRemover::bury(std::vector<std::unique_ptr<Segment>> dead) {
  const OneAtATime::Scope alone(calls_);
  try {
    return unlink_and_release(dead);
  } catch (const std::bad_alloc&) {
    // The segments that are not closed yet go back to the graveyard.
    for (auto& segment : dead) {
      if (segment) context_.graveyard->add(std::move(segment));
    }
    throw;
  }
}

Status SegmentRemover::unlink_and_release(std::vector<std::unique_ptr<Segment>>& dead) {
  // Closing a file that has no name any more gives its space back, all at once.
  const bool has_time = !context_.options.single_threaded && !disk_.is_tight();
  Manifest next = manifest_.copy();
  bool any = false;
  for (const auto& segment : dead) {
    const ManifestSegment* entry = next.find(segment->id());
    if (entry == nullptr || entry->state != SegmentState::kDropped) continue;
    any = true;
    // The file is opened by its name, while it has one. Without a descriptor its space is given back at once.
    if (has_time) (void)segment->file().hold();
    MINIKV_TRY(remove_files(segment->id()));
    std::erase_if(next.segments, [&](const ManifestSegment& other) { return id_of(other) == segment->id(); });
  }
  if (!has_time) dead.clear();
  if (!any) return {};
  MINIKV_TRY(context_.file_system.sync_dir(context_.directory));
  MINIKV_TRY(manifest_.commit(next));
  disk_.give_back(std::move(dead));
  return {};
}

Status SegmentRemover::sweep() {
  for (const ManifestSegment& entry : manifest_.segments()) {
    if (entry.state == SegmentState::kDropped) MINIKV_TRY(remove_files(id_of(entry)));
  }
  MINIKV_TRY(context_.file_system.sync_dir(context_.directory));
  manifest_.forget_dropped();
  return {};
}

Status SegmentRemover::remove_files(SegmentId id) {
  for (const std::string& path : {context_.directory + "/" + hint_name(id), context_.path_of(id)}) {
    if (Status removed = context_.file_system.remove(path);
        !removed && removed.code() != StatusCode::kNotFound) {
      return removed;
    }
  }
  return {};
}

}  // namespace minikv::engine
