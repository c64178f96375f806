// A spare's file: created, filled with zeros, named in the manifest, opened.
#include "engine/files/spare_maker.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "engine/core/full_disk.h"
#include "engine/core/paced_file.h"
#include "engine/format/file_names.h"

namespace minikv::engine {
namespace {

// The size that a log for deletes alone is tried with, and the minimum that is of any use.
constexpr std::uint64_t kSmallLogBytes = 16 * 1024, kMinLogBytes = 4096;
// A log that takes all room of the disk leaves this part of it to other needs. A log for deletes alone leaves
// nothing, since each start would find less.
constexpr std::uint64_t kLeftOverPart = 32;

}  // namespace

SpareMaker::SpareMaker(StoreContext& context, StoreManifest& manifest, DiskSpace& disk, LogSyncer& syncer,
                       std::function<bool()> is_urgent)
    : context_(context),
      manifest_(manifest),
      disk_(disk),
      syncer_(syncer),
      is_urgent_(std::move(is_urgent)) {}

Status SpareMaker::create_small(bool may_drop_hints, Status& made) {
  do {
    const auto free = context_.file_system.free_space(context_.directory);
    // After the start a small log is tried often, and so only where it may succeed.
    if (free && *free < kMinLogBytes && !may_drop_hints) return {};
    const std::uint64_t least = std::min(kMinLogBytes, context_.options.segment_size);
    std::uint64_t size = free ? *free : 0;
    if (size > disk_.reserved_bytes()) size -= size / kLeftOverPart;
    size = std::clamp(std::max(size, kSmallLogBytes), least, context_.options.segment_size);
    for (; size >= least; size -= size / 4) {
      MINIKV_TRY(create(size, 0, made));
      if (made.code() != StatusCode::kDiskFull) return {};
    }
    if (!may_drop_hints) return {};
    auto dropped = drop_largest_hint();
    if (!dropped) return dropped.status();
    may_drop_hints = *dropped;
  } while (may_drop_hints);
  return {};
}

// False: there is no hint to drop. The hint of a segment that was cut stays, since only it knows the rest.
Result<bool> SpareMaker::drop_largest_hint() {
  auto names = context_.file_system.list(context_.directory);
  if (!names) return names.status();
  const Manifest manifest = manifest_.copy();
  std::string largest;
  std::uint64_t most = 0;
  for (const std::string& name : *names) {
    const SegmentId id = parse_hint_name(name);
    if (id == kNoSegment) continue;
    if (const ManifestSegment* const entry = manifest.find(id); entry != nullptr && entry->accepted_loss != 0)
      continue;
    auto file = context_.file_system.open(context_.directory + "/" + name, OpenMode::kRead);
    if (!file) continue;
    const auto size = (*file)->size();
    if (size && *size > most) {
      most = *size;
      largest = context_.directory + "/" + name;
    }
  }
  if (most == 0) return false;
  context_.log.warn(
      "{}: removed, to have room for deletes on a full disk; the next start reads the segment instead",
      largest);
  MINIKV_TRY(context_.file_system.remove(largest));
  return true;
}

Status SpareMaker::create(std::uint64_t size, std::uint64_t left_over, Status& made) {
  // Each write that is refused for want of a spare makes the keeper try again. A failed attempt uses up no
  // segment id.
  if (!unused_) unused_ = manifest_.make_segment_identity();
  const SegmentIdentity identity = *unused_;
  const std::string path = context_.path_of(identity.id);
  const std::string temporary = path + std::string(kTemporarySuffix);

  auto free = context_.file_system.free_space(context_.directory);
  if (free && *free < size + left_over && disk_.is_giving_back()) {
    disk_.release_all();
    free = context_.file_system.free_space(context_.directory);
  }
  made = left_over > 0 && free && *free < size + left_over
             ? disk_full(context_.directory,
                         fmt::format("there is no room for another segment of {} bytes", size))
             : write_blank(identity, size, temporary);
  // The manifest must not name what a power cut could take.
  if (made) made = context_.file_system.sync_dir(context_.directory);
  if (!made) {
    // Nothing depends on the file yet. The writer goes on in its segment, which grows meanwhile.
    (void)context_.file_system.remove(temporary);
    return {};
  }
  Manifest next = manifest_.copy();
  ManifestSegment entry{};
  entry.id = identity.id.number();
  entry.salt = identity.salt;
  entry.size = size;
  entry.kind = SegmentKind::kLog;
  entry.state = SegmentState::kSpare;
  next.segments.push_back(entry);
  if (Status committed = manifest_.commit(next); !committed) {
    if (!manifest_.lacked_room()) return committed;
    // The manifest needs the room that the file has taken.
    (void)context_.file_system.remove(temporary);
    made = std::move(committed);
    return {};
  }
  unused_.reset();
  // Only a file under its final name is ever written to; one under the temporary name is blank.
  MINIKV_TRY(context_.file_system.rename(temporary, path));
  MINIKV_TRY(context_.file_system.sync_dir(context_.directory));
  unopened_ = identity;
  return {};
}

// Syncs the file, but not its name.
Status SpareMaker::write_blank(const SegmentIdentity& identity, std::uint64_t size, const std::string& path) {
  auto file = create_segment_file(
      context_.file_system, path,
      make_segment_header(identity, SegmentKind::kLog, manifest_.store_id(), context_.clock.now_ms()));
  if (!file) return file.status();
  MINIKV_TRY(fill(**file, size));
  return (*file)->sync();
}

Status SpareMaker::fill(File& file, std::uint64_t size) {
  constexpr std::uint64_t kZeroesBytes = kMiB;
  PacedFile paced(file, {context_.options.fsync, context_.written_sequence},
                  [this] { return is_urgent_() ? Urgency::kHigh : Urgency::kSome; });
  const std::string zeros(static_cast<std::size_t>(std::min(size, kZeroesBytes)), '\0');
  std::uint64_t offset = sizeof(SegmentHeader);
  while (offset < size) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - offset));
    MINIKV_TRY(paced.write(offset, std::array{std::string_view(zeros).substr(0, piece)}));
    offset += piece;
    MINIKV_TRY(syncer_.sync_if_due());
  }
  return {};
}

Result<std::shared_ptr<Segment>> SpareMaker::open() {
  assert(has_unopened());
  auto segment = open_segment(*context_.open_files, context_.path_of(unopened_->id), OpenMode::kReadWrite,
                              *unopened_, SegmentKind::kLog, log_map_bytes(context_.options));
  if (!segment) return segment.status();
  (*segment)->used_bytes.store(sizeof(SegmentHeader), std::memory_order_relaxed);
  // Without memory for the shared pointer the segment goes to the graveyard, which wakes the keeper. So the
  // caller must not hold the keeper's lock.
  auto shared = share_segment(std::move(*segment), context_.graveyard);
  unopened_.reset();
  return shared;
}

}  // namespace minikv::engine
