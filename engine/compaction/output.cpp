// Records become frames of a mebibyte, and frames become segments. Each segment gets its hint while its keys
// are in memory.
#include "engine/compaction/output.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "engine/core/hint_file.h"
#include "engine/format/file_names.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kFrameBytes = kMiB;

}  // namespace

CompactionOutput::~CompactionOutput() {
  try {
    for (const std::string& path : paths_) (void)context_.file_system.remove(path);
    for (const SegmentId id : hinted_)
      (void)context_.file_system.remove(context_.directory + "/" + hint_name(id));
  } catch (const std::bad_alloc&) {
    // The next start removes what is left.
  }
}

void CompactionOutput::remove_kept() {
  assert(is_finished_ && segments_.empty());
  for (const ManifestSegment& entry : entries_) {
    (void)context_.file_system.remove(context_.directory + "/" + hint_name(id_of(entry)));
    (void)context_.file_system.remove(context_.path_of(id_of(entry)));
  }
}

Status CompactionOutput::begin_segment() {
  const SegmentIdentity identity = keeper_.manifest().make_segment_identity();
  const std::string path = context_.path_of(identity.id) + std::string(kTemporarySuffix);
  paths_.push_back(path);
  MINIKV_TRY(create_blank(identity, path));
  MINIKV_ASSIGN_OR_RETURN(auto segment,
                          open_segment(*context_.open_files, path, OpenMode::kReadWrite, identity,
                                       SegmentKind::kCompacted, log_map_bytes(context_.options)));
  segments_.push_back(std::move(segment));
  ManifestSegment entry{};
  entry.id = identity.id.number();
  entry.salt = identity.salt;
  entry.kind = SegmentKind::kCompacted;
  entry.state = SegmentState::kSealed;
  entries_.push_back(entry);
  file_.emplace(segments_.back()->file(), pacing(), urgency_);
  used_ = sizeof(SegmentHeader);
  is_open_ = true;
  frame_.begin(identity, used_);
  frame_min_seq_ = 0;
  return {};
}

Status CompactionOutput::create_blank(const SegmentIdentity& identity, const std::string& path) {
  auto file =
      create_segment_file(context_.file_system, path,
                          make_segment_header(identity, SegmentKind::kCompacted,
                                              keeper_.manifest().store_id(), context_.clock.now_ms()));
  if (!file) return file.status();
  return (*file)->sync();
}

Result<CompactionOutput::Position> CompactionOutput::add(const NewRecord& record) {
  assert(!is_finished_);
  const std::uint64_t bytes = record_bytes(record.key.size(), record.value.size());
  if (is_open_ && frame_.record_count() > 0 && frame_.bytes() + bytes > kFrameBytes)
    MINIKV_TRY(write_frame());
  const bool is_blank = used_ == sizeof(SegmentHeader) && frame_.record_count() == 0;
  if (is_open_ && !is_blank && used_ + frame_.bytes() + bytes > context_.options.segment_size)
    MINIKV_TRY(end_segment());
  if (!is_open_) MINIKV_TRY(begin_segment());
  ManifestSegment& entry = entries_.back();
  entry.min_seq = entry.min_seq == 0 ? record.sequence : std::min(entry.min_seq, record.sequence);
  entry.max_seq = std::max(entry.max_seq, record.sequence);
  frame_min_seq_ = frame_min_seq_ == 0 ? record.sequence : std::min(frame_min_seq_, record.sequence);
  const Position position{id_of(entry), frame_.add(record)};
  hint_.add(frame_.last_header(), record.key, record.value, position.offset);
  // The frame only refers to a large value, which need not outlive this call.
  if (record.value.size() >= kFrameBytes / 16) MINIKV_TRY(write_frame());
  return position;
}

Status CompactionOutput::write_frame() {
  if (frame_.record_count() == 0) return {};
  FrameHeader header{};
  header.first_sequence = frame_min_seq_;
  header.engine_time_ms = context_.clock.now_ms();
  hint_.note_time(header.engine_time_ms);
  MINIKV_TRY(file_->write(used_, frame_.finish(header)));
  context_.resident_pages.touch(segments_.back()->marks(), used_, frame_.bytes());
  used_ += frame_.bytes();
  frame_.begin(segments_.back()->identity(), used_);
  frame_min_seq_ = 0;
  return {};
}

Status CompactionOutput::end_segment() {
  MINIKV_TRY(write_frame());
  MINIKV_TRY(file_->sync());
  segments_.back()->used_bytes.store(used_, std::memory_order_relaxed);
  entries_.back().size = used_;
  segments_.back()->file().allow_closing();
  is_open_ = false;
  write_hint_of_segment();
  return {};
}

// Writes the hint while the keys are in memory: making it later would take reading the segment.
void CompactionOutput::write_hint_of_segment() {
  hint_.arrange();
  segments_.back()->set_keys(keys_of(hint_));
  hinted_.push_back(id_of(entries_.back()));
  if (Status written = write_hint(context_.file_system, context_.directory, hint_,
                                  hint_identity(keeper_.manifest().store_id(), entries_.back()), pacing());
      !written) {
    context_.log.warn("{}: no hint, so that the next start reads the segment: {}", segments_.back()->path(),
                      written.message());
  }
  hint_.clear();
}

Status CompactionOutput::finish() {
  assert(!is_finished_);
  if (is_open_) MINIKV_TRY(end_segment());
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const std::string final_path = context_.path_of(id_of(entries_[i]));
    MINIKV_TRY(context_.file_system.rename(paths_[i], final_path));
    paths_[i] = final_path;
  }
  is_finished_ = true;
  if (segments_.empty()) return {};
  return context_.file_system.sync_dir(context_.directory);
}

std::uint64_t CompactionOutput::bytes() const {
  std::uint64_t sum = 0;
  for (const ManifestSegment& entry : entries_) sum += entry.size;
  return sum;
}

std::vector<std::shared_ptr<Segment>> CompactionOutput::keep() {
  assert(is_finished_ && paths_.size() == segments_.size());
  std::vector<std::shared_ptr<Segment>> kept;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    segments_[i]->rename(paths_[i]);
    kept.push_back(share_segment(std::move(segments_[i]), context_.graveyard));
  }
  segments_.clear();
  paths_.clear();
  hinted_.clear();
  return kept;
}

}  // namespace minikv::engine
