#include <algorithm>
#include <array>
#include <new>
#include <random>

#include "engine/format/file_names.h"
#include "engine/store/compactor.h"
#include "engine/store/hints.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kFrameBytes = kMiB;

}  // namespace

CompactionOutput::~CompactionOutput() {
  try {
    for (const std::string& path : paths_) (void)state_.file_system.remove(path);
    for (const std::uint64_t id : hinted_)
      (void)state_.file_system.remove(state_.directory + "/" + hint_name(id));
  } catch (const std::bad_alloc&) {
    // The next start removes what is left.
  }
}

void CompactionOutput::remove_kept() {
  for (const ManifestSegment& entry : entries_) {
    (void)state_.file_system.remove(state_.directory + "/" + hint_name(entry.id));
    (void)state_.file_system.remove(state_.path_of(entry.id));
  }
}

Status CompactionOutput::begin_segment() {
  std::random_device random;
  const SegmentIdentity identity{keeper_.allocate_segment_id(), std::uint64_t{random()} << 32 | random()};
  const std::string path = state_.path_of(identity.id) + std::string(kTemporarySuffix);
  paths_.push_back(path);
  MINIKV_TRY(keeper_.create_segment_file(identity, SegmentKind::kCompacted, 0, path, false));
  auto segment = open_segment(*state_.open_files, path, OpenMode::kReadWrite, identity,
                              SegmentKind::kCompacted, log_map_bytes(state_.options));
  if (!segment) return segment.status();
  segments_.push_back(std::move(*segment));
  ManifestSegment entry{};
  entry.id = identity.id;
  entry.salt = identity.salt;
  entry.kind = SegmentKind::kCompacted;
  entry.state = SegmentState::kSealed;
  entries_.push_back(entry);
  file_.emplace(segments_.back()->file(), state_, haste_);
  used_ = sizeof(SegmentHeader);
  open_ = true;
  frame_.begin(identity, used_);
  frame_min_seq_ = 0;
  return {};
}

Result<CompactionOutput::Position> CompactionOutput::add(const NewRecord& record) {
  const std::uint64_t bytes = record_bytes(record.key.size(), record.value.size());
  if (open_ && frame_.record_count() > 0 && frame_.bytes() + bytes > kFrameBytes) MINIKV_TRY(write_frame());
  const bool is_blank = used_ == sizeof(SegmentHeader) && frame_.record_count() == 0;
  if (open_ && !is_blank && used_ + frame_.bytes() + bytes > state_.options.segment_size)
    MINIKV_TRY(end_segment());
  if (!open_) MINIKV_TRY(begin_segment());
  ManifestSegment& entry = entries_.back();
  entry.min_seq = entry.min_seq == 0 ? record.sequence : std::min(entry.min_seq, record.sequence);
  entry.max_seq = std::max(entry.max_seq, record.sequence);
  frame_min_seq_ = frame_min_seq_ == 0 ? record.sequence : std::min(frame_min_seq_, record.sequence);
  const Position position{static_cast<std::uint32_t>(entry.id), frame_.add(record)};
  hint_.add(frame_.last_header(), record.key, record.value, position.offset);
  // A value that the frame only refers to does not outlive this call.
  if (record.value.size() >= kFrameBytes / 16) MINIKV_TRY(write_frame());
  return position;
}

Status CompactionOutput::write_frame() {
  if (frame_.record_count() == 0) return {};
  FrameHeader header{};
  header.first_sequence = frame_min_seq_;
  header.engine_time_ms = state_.clock.now_ms();
  hint_.note_time(header.engine_time_ms);
  MINIKV_TRY(file_->write(used_, frame_.finish(header)));
  state_.warm_pages.touch(segments_.back()->marks(), used_, frame_.bytes());
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
  segments_.back()->file().settle();
  open_ = false;
  write_hint_of_segment();
  return {};
}

// While its keys are at hand: whoever made the hint later would have to read the segment.
void CompactionOutput::write_hint_of_segment() {
  hint_.arrange();
  segments_.back()->set_keys(keys_of(hint_));
  hinted_.push_back(entries_.back().id);
  if (Status written = write_hint(state_, hint_, hint_identity(keeper_.store_id(), entries_.back()));
      !written) {
    state_.log.warn("{}: no hint, so that the next start reads the segment: {}", segments_.back()->path(),
                    written.message());
  }
  hint_.clear();
}

Status CompactionOutput::finish() {
  if (open_) MINIKV_TRY(end_segment());
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const std::string final_path = state_.path_of(entries_[i].id);
    MINIKV_TRY(state_.file_system.rename(paths_[i], final_path));
    paths_[i] = final_path;
  }
  if (segments_.empty()) return {};
  return state_.file_system.sync_dir(state_.directory);
}

std::uint64_t CompactionOutput::bytes() const {
  std::uint64_t sum = 0;
  for (const ManifestSegment& entry : entries_) sum += entry.size;
  return sum;
}

std::vector<std::shared_ptr<Segment>> CompactionOutput::keep() {
  std::vector<std::shared_ptr<Segment>> kept;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    segments_[i]->rename(paths_[i]);
    kept.push_back(share_segment(std::move(segments_[i]), state_.graveyard));
  }
  segments_.clear();
  paths_.clear();
  hinted_.clear();
  return kept;
}

}  // namespace minikv::engine
