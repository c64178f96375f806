// Writes a whole store, segment by segment.
#include "engine/tools/store_builder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "engine/format/file_names.h"
#include "engine/format/object_bytes.h"
#include "engine/segment/segment.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kRepairedFrameBytes = 1 << 20;
// add() writes the frame after a value of this size: the frame may only refer to it, and the value need not
// outlive the call.
constexpr std::uint64_t kLargeValueBytes = 1 << 16;

}  // namespace

StoreBuilder::StoreBuilder(StoreLock lock, std::string directory, std::uint64_t segment_size,
                           std::int64_t created_ms)
    : lock_(std::move(lock)),
      file_system_(*lock_.files()),
      directory_(std::move(directory)),
      segment_size_(segment_size),
      created_ms_(created_ms) {
  manifest_.store_id = make_store_id();
}

StoreBuilder::~StoreBuilder() {
  if (is_finished_) return;
  file_.reset();
  for (const std::string& path : paths_) (void)file_system_.remove(path);
}

Result<std::unique_ptr<StoreBuilder>> StoreBuilder::create(FileSystem& file_system,
                                                           const std::string& directory,
                                                           std::uint64_t segment_size,
                                                           std::int64_t created_ms) {
  auto names = file_system.list(directory);
  if (!names && names.code() != StatusCode::kNotFound) return names.status();
  if (names && std::any_of(names->begin(), names->end(),
                           [](const std::string& name) { return name != "lost+found"; })) {
    return {StatusCode::kRefused, directory + ": is not empty: name a new directory for the new store"};
  }
  MINIKV_TRY(file_system.create_dir(directory));
  MINIKV_ASSIGN_OR_RETURN(auto lock, StoreLock::take(file_system, directory));
  std::unique_ptr<StoreBuilder> builder(
      new StoreBuilder(std::move(lock), directory, segment_size, created_ms));
  builder->paths_.push_back(directory + "/" + StoreLock::kFileName);
  return builder;
}

Status StoreBuilder::begin_segment() {
  std::random_device random;
  ManifestSegment entry{};
  entry.id = entries_.size() + 1;
  entry.salt = std::uint64_t{random()} << 32 | random();
  entry.kind = SegmentKind::kCompacted;
  entry.state = SegmentState::kSealed;
  const SegmentIdentity identity{id_of(entry), entry.salt};
  paths_.push_back(directory_ + "/" + segment_name(identity.id));
  MINIKV_ASSIGN_OR_RETURN(file_, file_system_.open(paths_.back(), OpenMode::kCreate));
  const SegmentHeader header =
      make_segment_header(identity, SegmentKind::kCompacted, manifest_.store_id, created_ms_);
  MINIKV_TRY(file_->write(0, std::array{bytes_of(header)}));
  used_ = sizeof(header);
  entries_.push_back(entry);
  frame_.begin(identity, used_);
  frame_min_seq_ = 0;
  return {};
}

Status StoreBuilder::add(const NewRecord& record) {
  const std::uint64_t bytes = record_bytes(record.key.size(), record.value.size());
  if (file_ && frame_.record_count() > 0 && frame_.bytes() + bytes > kRepairedFrameBytes)
    MINIKV_TRY(write_frame());
  const bool is_blank = used_ == sizeof(SegmentHeader) && frame_.record_count() == 0;
  if (file_ && !is_blank && used_ + frame_.bytes() + bytes > segment_size_) MINIKV_TRY(end_segment());
  if (!file_) MINIKV_TRY(begin_segment());
  ManifestSegment& entry = entries_.back();
  entry.min_seq = entry.min_seq == 0 ? record.sequence : std::min(entry.min_seq, record.sequence);
  entry.max_seq = std::max(entry.max_seq, record.sequence);
  frame_min_seq_ = frame_min_seq_ == 0 ? record.sequence : std::min(frame_min_seq_, record.sequence);
  frame_.add(record);
  return record.value.size() >= kLargeValueBytes ? write_frame() : Status();
}

Status StoreBuilder::write_frame() {
  if (frame_.record_count() == 0) return {};
  FrameHeader header{};
  header.first_sequence = frame_min_seq_;
  header.engine_time_ms = created_ms_;
  MINIKV_TRY(file_->write(used_, frame_.finish(header)));
  used_ += frame_.bytes();
  frame_.begin({id_of(entries_.back()), entries_.back().salt}, used_);
  frame_min_seq_ = 0;
  return {};
}

Status StoreBuilder::end_segment() {
  MINIKV_TRY(write_frame());
  MINIKV_TRY(file_->sync());
  file_.reset();
  entries_.back().size = used_;
  bytes_ += used_;
  return {};
}

Status StoreBuilder::finish(std::uint64_t next_sequence) {
  if (file_) MINIKV_TRY(end_segment());
  MINIKV_TRY(file_system_.sync_dir(directory_));
  manifest_.segments = entries_;
  manifest_.next_segment_id = entries_.size() + 1;
  manifest_.seq_limit = manifest_.clean_sequence = next_sequence;
  manifest_.engine_time_ms = created_ms_;
  paths_.push_back(directory_ + "/" + ManifestFile::kTemporaryName);
  paths_.push_back(directory_ + "/" + ManifestFile::kName);
  ManifestFile file(file_system_, directory_);
  MINIKV_TRY(file.commit(manifest_));
  is_finished_ = true;
  return {};
}

}  // namespace minikv::engine
