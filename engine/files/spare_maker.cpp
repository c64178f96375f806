// A spare's file: recycled or created, filled with zeros, named in the manifest, opened.
#include "engine/files/spare_maker.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <string>
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

SegmentIdentity draw_distinct(const SegmentIdentity& before, const std::function<SegmentIdentity()>& draw) {
  for (;;) {
    const SegmentIdentity drawn = draw();
    if (are_distinct(before, drawn)) return drawn;
  }
}

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
  while (const auto old = disk_.dropped().take_recyclable()) {
    auto is_done = recycle(*old, size, made);
    if (!is_done) return is_done.status();
    if (*is_done) return {};
  }
  return create_new(size, left_over, made);
}

// Each write that is refused for want of a spare makes the keeper try again. A failed attempt uses up no
// segment id.
const SegmentIdentity& SpareMaker::next_identity() {
  if (!unused_) unused_ = manifest_.make_segment_identity();
  return *unused_;
}

std::string SpareMaker::temporary_path() const {
  return context_.path_of(unused_->id) + std::string(kTemporarySuffix);
}

// The manifest names the file first. Only a file under its final name is ever written to, and one under the
// temporary name has no frames.
Status SpareMaker::name(const Unopened& segment, std::uint64_t size, Status& made) {
  const std::string temporary = temporary_path();
  Manifest next = manifest_.copy();
  ManifestSegment entry{};
  entry.id = segment.identity.id.number();
  entry.salt = segment.identity.salt;
  entry.size = size;
  entry.kind = SegmentKind::kLog;
  entry.state = SegmentState::kSpare;
  if (segment.is_recycled) entry.flags = kSegmentRecycled;
  next.segments.push_back(entry);
  if (Status committed = manifest_.commit(next); !committed) {
    if (!manifest_.lacked_room()) return committed;
    // The manifest needs the room that the file has taken.
    (void)context_.file_system.remove(temporary);
    made = std::move(committed);
    return {};
  }
  unused_.reset();
  MINIKV_TRY(context_.file_system.rename(temporary, context_.path_of(segment.identity.id)));
  MINIKV_TRY(context_.file_system.sync_dir(context_.directory));
  unopened_ = segment;
  return {};
}

// ---- a new file ----

Status SpareMaker::create_new(std::uint64_t size, std::uint64_t left_over, Status& made) {
  const SegmentIdentity identity = next_identity();
  const std::string temporary = temporary_path();
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
  return name({identity, false}, size, made);
}

// Syncs the file, but not its name.
Status SpareMaker::write_blank(const SegmentIdentity& identity, std::uint64_t size, const std::string& path) {
  auto file = create_segment_file(
      context_.file_system, path,
      make_segment_header(identity, SegmentKind::kLog, manifest_.store_id(), context_.clock.now_ms()));
  if (!file) return file.status();
  // In `always` a write waits for the sync of its blocks, which takes longer for blocks that were allocated
  // and never written. In the other modes zeros would only double what the disk has to write.
  bool is_allocated = false;
  if (context_.options.fsync != Fsync::kAlways) {
    MINIKV_ASSIGN_OR_RETURN(is_allocated, (*file)->allocate(size));
  }
  if (!is_allocated) MINIKV_TRY(fill(**file, sizeof(SegmentHeader), size));
  return (*file)->sync();
}

// ---- a recycled file ----

// False: the file can't be recycled, and is removed if that was possible.
Result<bool> SpareMaker::recycle(const ManifestSegment& old, std::uint64_t size, Status& made) {
  unused_ = draw_distinct({id_of(old), old.salt}, [this] {
    return unused_ ? *std::exchange(unused_, std::nullopt) : manifest_.make_segment_identity();
  });
  const std::string temporary = temporary_path();
  // Whoever copies the directory must not take the file for the old segment any more.
  if (!context_.file_system.rename(context_.path_of(id_of(old)), temporary)) return false;
  // The next start removes the hint if this fails.
  (void)context_.file_system.remove(context_.directory + "/" + hint_name(id_of(old)));
  size = std::max(size, old.size);
  const bool is_done = overwrite(temporary, old, size);
  if (!is_done) (void)context_.file_system.remove(temporary);
  // The manifest must not name what a power cut could take, and goes on naming a file that may come back.
  if (!context_.file_system.sync_dir(context_.directory)) return false;
  manifest_.forget_dropped(id_of(old));
  if (!is_done) return false;
  made = Status();
  MINIKV_TRY(name({*unused_, true}, size, made));
  if (made) context_.counters.recycled.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// Writes the file's first page and what it lacks of a spare, and syncs it. False: that failed, or the file is
// another program's, too, and is unchanged.
bool SpareMaker::overwrite(const std::string& path, const ManifestSegment& old, std::uint64_t size) {
  const auto file = context_.file_system.open(path, OpenMode::kReadWrite);
  if (!file) return false;
  const auto bytes = (*file)->size();
  if (!bytes || *bytes != old.size || (*file)->is_shared()) return false;
  std::string first_page(kPageBytes, '\0');
  const SegmentHeader header =
      make_segment_header(*unused_, SegmentKind::kLog, manifest_.store_id(), context_.clock.now_ms(), true);
  std::memcpy(first_page.data(), &header, sizeof(header));
  return (*file)->write(0, std::array{std::string_view(first_page)}) && fill(**file, old.size, size) &&
         (*file)->sync();
}

// ---- both ----

Status SpareMaker::fill(File& file, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kZeroesBytes = kMiB;
  PacedFile paced(file, {context_.options.fsync, context_.written_sequence},
                  [this] { return is_urgent_() ? Urgency::kHigh : Urgency::kSome; });
  const std::string zeros(static_cast<std::size_t>(std::min(end - std::min(begin, end), kZeroesBytes)), '\0');
  std::uint64_t offset = begin;
  while (offset < end) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), end - offset));
    MINIKV_TRY(paced.write(offset, std::array{std::string_view(zeros).substr(0, piece)}));
    offset += piece;
    MINIKV_TRY(syncer_.sync_if_due());
  }
  return {};
}

Result<std::shared_ptr<Segment>> SpareMaker::open() {
  assert(has_unopened());
  auto segment =
      open_segment(*context_.open_files, context_.path_of(unopened_->identity.id), OpenMode::kReadWrite,
                   unopened_->identity, SegmentKind::kLog, log_map_bytes(context_.options));
  if (!segment) return segment.status();
  (*segment)->used_bytes.store(sizeof(SegmentHeader), std::memory_order_relaxed);
  if (unopened_->is_recycled) (*segment)->note_recycled();
  // Without memory for the shared pointer the segment goes to the graveyard, which wakes the keeper. So the
  // caller must not hold the keeper's lock.
  auto shared = share_segment(std::move(*segment), context_.graveyard);
  unopened_.reset();
  return shared;
}

}  // namespace minikv::engine
