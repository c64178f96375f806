// The merge itself: which records of the inputs are copied, and which tombstones stay.
#include "engine/compaction/compaction.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "engine/compaction/salvage.h"

namespace minikv::engine {
namespace {

// Whether the index means this record. A wrong hint may have led the index to another key's record, or to an
// older one.
bool is_meant(const Location& location, SegmentId segment, const RecordView& record) {
  if (!location.is_at(segment, record.offset)) return false;
  return location.lost ||
         (location.version == record.header.version && location.value_bytes == record.header.value_length);
}

}  // namespace

Result<std::uint64_t> Compaction::run(const std::vector<ManifestSegment>& inputs) {
  assert(inputs_.empty() && !inputs.empty());
  std::uint64_t input_bytes = 0;
  for (const ManifestSegment& input : inputs) {
    assert(input.state == SegmentState::kSealed && !is_input(id_of(input)));
    inputs_.push_back(id_of(input));
    input_bytes += input.size;
  }
  find_others();
  MINIKV_TRY(check_space(inputs));
  for (const ManifestSegment& input : inputs) MINIKV_TRY(merge(input));
  MINIKV_TRY(output_.finish());
  const std::uint64_t output_bytes = output_.bytes();
  MINIKV_TRY(Installer(state_, keeper_, writer_, cancelled_).install(output_, inputs_, relocations_));
  state_.counters.compactions.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t reclaimed = input_bytes > output_bytes ? input_bytes - output_bytes : 0;
  state_.counters.reclaimed_bytes.fetch_add(reclaimed, std::memory_order_relaxed);
  return reclaimed;
}

bool Compaction::is_input(SegmentId segment) const {
  return std::find(inputs_.begin(), inputs_.end(), segment) != inputs_.end();
}

void Compaction::find_others() {
  std::vector<OtherSegments::Other> others;
  const std::vector<ManifestSegment> entries = keeper_.manifest().segments();
  {
    SharedGuard guard(state_.lock);
    for (const ManifestSegment& entry : entries) {
      if (entry.state != SegmentState::kSealed || entry.min_seq == 0 || is_input(id_of(entry))) continue;
      const auto found = state_.segments.find(id_of(entry));
      others.push_back({entry, found == state_.segments.end() ? nullptr : found->second});
    }
  }
  others_.set(std::move(others));
}

Status Compaction::check_space(const std::vector<ManifestSegment>& inputs) {
  std::uint64_t live = 0;
  {
    SharedGuard guard(state_.lock);
    for (const ManifestSegment& input : inputs) {
      const auto found = state_.segments.find(id_of(input));
      if (found != state_.segments.end()) live += found->second->live();
    }
  }
  // The need is small where little is alive, since on a full disk such a merge makes room again. An estimate
  // that is too low does no harm.
  const std::uint64_t needed = live + std::min(live, kMiB);
  auto free = keeper_.disk().free_bytes();
  if (free && *free <= needed) {
    // The spare is the reserve of a full disk. Its room is enough for a merge that gives back more.
    spare_hold_.is_held = true;
    MINIKV_TRY(keeper_.spare().release());
    free = keeper_.disk().free_bytes();
  }
  if (!free) return free.status();
  if (*free >= needed) return {};
  return {StatusCode::kDiskFull, fmt::format("{}: compaction needs {} bytes of room and there are {}",
                                             state_.directory, needed, *free)};
}

std::shared_ptr<Segment> Compaction::segment_of(const ManifestSegment& input) {
  SharedGuard guard(state_.lock);
  const auto found = state_.segments.find(id_of(input));
  assert(found != state_.segments.end() && "another merge has taken it");
  return found->second;
}

Status Compaction::merge(const ManifestSegment& input) {
  const std::shared_ptr<Segment> segment = segment_of(input);
  MINIKV_ASSIGN_OR_RETURN(const std::uint64_t file_bytes, segment->file().size());
  SegmentReader reader(segment->file(), std::min(file_bytes, input.size));
  bool is_readable = true;
  const Status merged = merge(input, *segment, reader, is_readable);
  // Later steps leave this segment alone, and compact the others without it.
  if (!is_readable || merged.code() == StatusCode::kCorruption)
    segment->is_left_alone.store(true, std::memory_order_relaxed);
  return merged;
}

Status Compaction::merge(const ManifestSegment& input, const Segment& segment, SegmentReader& reader,
                         bool& is_readable) {
  live_bytes_met_ = 0;
  Salvage salvage(state_, keeper_.manifest().store_id(), input, segment, reader);
  const Status compared = salvage.compare_with_accepted_loss();
  is_readable = compared.is_ok();
  if (!compared) return compared;
  gives_up_loss_ = salvage.gives_up_loss();
  const auto take = [&](const RecordView& record) { return take_record(record, id_of(input)); };
  FrameCursor cursor(reader, segment.identity());
  // The file may be shorter than the manifest says; its hint names the records of the rest.
  while (cursor.offset() < input.size) {
    if (cancelled_.load(std::memory_order_relaxed)) {
      return {StatusCode::kShutdown, "the compaction was cancelled: the store is closing"};
    }
    auto frame = cursor.read();
    is_readable = frame.is_ok();
    if (!frame) return frame.status();
    if (frame->has_all_names()) {
      MINIKV_TRY(take_frame(*frame, id_of(input)));
      rate_.spend(frame->end - cursor.offset(), cancelled_);
      cursor.move_to(frame->end);
    } else {
      auto next = cursor.find_next_header();
      is_readable = next.is_ok();
      if (!next) return next.status();
      const std::uint64_t end = *next < reader.size() ? *next : input.size;
      MINIKV_TRY(salvage.take(cursor.offset(), end, take));
      cursor.move_to(end);
    }
  }
  // No record of a sealed segment becomes live again, so that the segment can only have fewer live bytes by
  // now.
  if (segment.live() > live_bytes_met_) {
    return {StatusCode::kCorruption,
            fmt::format(
                "{}: the index names records that are not in it (its hint is wrong): compaction leaves the "
                "segment as it is",
                segment.path())};
  }
  return {};
}

Status Compaction::take_frame(const FrameAt& frame, SegmentId segment) {
  const auto& records = frame.body.records;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i % Index::kMaxPrefetched == 0 && records.size() - i > 1) prefetch(std::span(records).subspan(i));
    MINIKV_TRY(take_record(records[i], segment));
  }
  return {};
}

Status Compaction::copy(const RecordView& record) {
  const RecordHeader& header = record.header;
  return output_
      .add({header.type, record.key, record.value, header.value_checksum, header.sequence, header.version,
            header.expiry_ms})
      .status();
}

// Prefetches what the look-ups of the next records need from memory.
void Compaction::prefetch(std::span<const RecordView> records) const {
  std::array<std::string_view, Index::kMaxPrefetched> keys;
  const std::size_t count = std::min(records.size(), keys.size());
  for (std::size_t i = 0; i < count; ++i) keys[i] = records[i].key;
  SharedGuard guard(state_.lock);
  state_.index.prefetch(std::span(keys).first(count), [](const Location&) {});
}

Status Compaction::take_record(const RecordView& record, SegmentId segment) {
  const RecordHeader& header = record.header;
  if (header.type == RecordType::kRangeDelete) return take_range_delete(record);
  std::optional<Location> location;
  bool is_live = false;
  {
    SharedGuard guard(state_.lock);
    location = state_.index.find(record.key);
    is_live = location && is_meant(*location, segment, record);
    if (is_live) live_bytes_met_ += record_bytes(record.key.size(), location->value_bytes);
    if (location && state_.ranges.cover(record.key, location->sequence)) location.reset();
  }
  is_live = is_live && location;
  switch (header.type) {
    case RecordType::kPut:
      if (is_live) return take_put(record, segment, *location);
      return location ? Status() : take_dead(record);
    case RecordType::kLost:
      if (!is_live) return {};
      return keep({header.type, record.key, record.value, header.value_checksum, location->sequence,
                   header.version, location->expiry_ms},
                  segment, record, *location);
    case RecordType::kDelete:
      // A newer record of the key does the tombstone's work as well.
      if (location && location->sequence > header.sequence) return {};
      return keep_tombstone(record.key, header.sequence);
    case RecordType::kExpire:
      if (!location) return take_dead(record);
      // A put that is copied takes its newest expiry along. Only a put that stays in its segment still needs
      // this record.
      if (location->sequence != header.sequence || is_input(location->segment)) return {};
      return copy(record);
    default: break;
  }
  return {StatusCode::kCorruption, fmt::format("a record of unknown type {}", static_cast<int>(header.type))};
}

Status Compaction::take_put(const RecordView& record, SegmentId segment, const Location& location) {
  if (!is_present(location, state_.clock.now_ms())) {
    // The key has expired. Older records of it may be elsewhere, and must not come back.
    MINIKV_TRY(keep_tombstone(record.key, location.sequence));
    relocations_.push_back({std::string(record.key), segment, record.offset, location, true});
    return {};
  }
  if (record.value_intact && !location.lost) {
    return keep({RecordType::kPut, record.key, record.value, record.header.value_checksum, location.sequence,
                 location.version, location.expiry_ms},
                segment, record, location);
  }
  const char type = static_cast<char>(record.header.type);
  const std::string_view value(&type, 1);
  if (!location.lost) {
    state_.log.error(
        "{} at offset {}: a value is damaged and lost: its key answers CORRUPT until it is written or "
        "deleted",
        state_.path_of(segment), record.offset);
  }
  Location lost = location;
  lost.lost = true;
  lost.version = lost.sequence;
  lost.value_bytes = 1;
  return keep({RecordType::kLost, record.key, value, value_checksum(value), location.sequence,
               location.sequence, location.expiry_ms},
              segment, record, lost);
}

// Takes a record of a key that is not in the index. If a newer record on disk deletes the key, this one may
// go. But active expiry writes no record: then only this one keeps older records from coming back.
Status Compaction::take_dead(const RecordView& record) {
  const std::int64_t expiry_ms = record.header.expiry_ms;
  if (expiry_ms == kNoExpiry || expiry_ms > state_.clock.now_ms()) return {};
  return keep_tombstone(record.key, record.header.sequence);
}

Status Compaction::take_range_delete(const RecordView& record) {
  if (!record.value_intact) {
    if (gives_up_loss_) return {};
    return {StatusCode::kCorruption, "a range delete is damaged: compaction leaves the segment as it is"};
  }
  if (others_.may_drop({std::string(record.key), std::string(record.value), record.header.sequence})) {
    return {};
  }
  return copy(record);
}

Status Compaction::keep(const NewRecord& record, SegmentId segment, const RecordView& from,
                        Location location) {
  MINIKV_ASSIGN_OR_RETURN(const auto copied, output_.add(record));
  location.segment = copied.segment;
  location.offset = copied.offset;
  relocations_.push_back({std::string(record.key), segment, from.offset, location, false});
  return {};
}

// Keeps a tombstone, unless no other segment can hold an older record of the key.
Status Compaction::keep_tombstone(std::string_view key, std::uint64_t sequence) {
  if (others_.may_drop_tombstone(key, sequence)) return {};
  return output_.add({RecordType::kDelete, key, {}, value_checksum({}), sequence, sequence, 0}).status();
}

}  // namespace minikv::engine
