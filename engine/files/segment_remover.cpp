// From the graveyard to a file that is gone or recycled.
#include "engine/files/segment_remover.h"

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "engine/format/file_names.h"

namespace minikv::engine {

Status SegmentRemover::bury() {
  const OneAtATime::Scope alone(calls_);
  auto dead = context_.graveyard->take();
  try {
    close(dead);
  } catch (const std::bad_alloc&) {
    // The segments that are not closed yet go back to the graveyard.
    for (auto& segment : dead) {
      if (segment) context_.graveyard->add(std::move(segment));
    }
    throw;
  }
  return {};
}

void SegmentRemover::close(std::vector<std::unique_ptr<Segment>>& dead) {
  const Manifest manifest = manifest_.copy();
  const std::uint64_t store_bytes = manifest_.segment_bytes(std::numeric_limits<std::uint64_t>::max());
  for (auto& segment : dead) {
    const ManifestSegment* const entry = manifest.find(segment->id());
    if (entry != nullptr && entry->state == SegmentState::kDropped) {
      const auto size = segment->file().size();
      disk_.dropped().add(*entry, size ? *size : 0, store_bytes);
    }
    segment.reset();
  }
}

Status SegmentRemover::unlink_dropped(bool all, std::size_t most) {
  const OneAtATime::Scope alone(calls_);
  std::vector<std::unique_ptr<Segment>> unlinked;
  std::vector<SegmentId> gone;
  while (gone.size() < most) {
    const auto entry = disk_.dropped().take(all);
    if (!entry) break;
    Status done;
    auto segment = unlink(*entry, done);
    MINIKV_TRY(std::move(done));
    if (segment) unlinked.push_back(std::move(segment));
    gone.push_back(id_of(*entry));
  }
  if (gone.empty()) return {};
  MINIKV_TRY(context_.file_system.sync_dir(context_.directory));
  Manifest next = manifest_.copy();
  std::erase_if(next.segments, [&](const ManifestSegment& entry) {
    return std::find(gone.begin(), gone.end(), id_of(entry)) != gone.end();
  });
  MINIKV_TRY(manifest_.commit(next));
  disk_.give_back(std::move(unlinked));
  return {};
}

// Returns the open file, whose space can be given back slowly. Null: the space is given back at once, because
// there is no time, or the file can't be opened. `done` may become an error.
std::unique_ptr<Segment> SegmentRemover::unlink(const ManifestSegment& entry, Status& done) {
  std::unique_ptr<Segment> open;
  const bool has_time = !context_.options.single_threaded && !disk_.is_tight();
  if (has_time) {
    auto opened = open_segment(*context_.open_files, context_.path_of(id_of(entry)), OpenMode::kReadWrite,
                               {id_of(entry), entry.salt}, entry.kind, sizeof(SegmentHeader));
    if (opened) open = std::move(*opened);
  }
  done = remove_files(id_of(entry));
  return open;
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
  MINIKV_TRY(remove_file(context_.directory + "/" + hint_name(id)));
  return remove_file(context_.path_of(id));
}

Status SegmentRemover::remove_file(const std::string& path) {
  Status removed = context_.file_system.remove(path);
  return removed.code() == StatusCode::kNotFound ? Status() : removed;
}

}  // namespace minikv::engine
