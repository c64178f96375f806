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

// Whether this is the record that the index means: what a wrong hint has led to here is another's, or an
// older one.
bool is_meant(const Place& place, std::uint32_t segment, const RecordView& record) {
  if (!place.is_at(segment, record.offset)) return false;
  return place.lost ||
         (place.version == record.header.version && place.value_bytes == record.header.value_length);
}

}  // namespace

Result<std::uint64_t> Compaction::run(const std::vector<ManifestSegment>& inputs) {
  assert(inputs_.empty() && !inputs.empty());
  std::uint64_t input_bytes = 0;
  for (const ManifestSegment& input : inputs) {
    assert(input.state == SegmentState::kSealed && !is_input(input.id));
    inputs_.push_back(input.id);
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

bool Compaction::is_input(std::uint64_t segment_id) const {
  return std::find(inputs_.begin(), inputs_.end(), segment_id) != inputs_.end();
}

void Compaction::find_others() {
  std::vector<OtherSegments::Other> others;
  const std::vector<ManifestSegment> entries = keeper_.manifest().segments();
  {
    SharedGuard guard(state_.lock);
    for (const ManifestSegment& entry : entries) {
      if (entry.state != SegmentState::kSealed || entry.min_seq == 0 || is_input(entry.id)) continue;
      const auto found = state_.segments.find(static_cast<std::uint32_t>(entry.id));
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
      const auto found = state_.segments.find(static_cast<std::uint32_t>(input.id));
      if (found != state_.segments.end()) live += found->second->live();
    }
  }
  // Little where little is alive: on a full disk this is how there comes to be room again. Too little does no
  // harm.
  const std::uint64_t needed = live + std::min(live, kMiB);
  auto free = keeper_.disk().free_bytes();
  if (free && *free <= needed) {
    // The spare is the reserve of a full disk: what it takes is enough to give back more.
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
  const auto found = state_.segments.find(static_cast<std::uint32_t>(input.id));
  assert(found != state_.segments.end() && "another merge has taken it");
  return found->second;
}

Status Compaction::merge(const ManifestSegment& input) {
  const std::shared_ptr<Segment> segment = segment_of(input);
  MINIKV_ASSIGN_OR_RETURN(const std::uint64_t file_bytes, segment->file().size());
  SegmentReader reader(segment->file(), std::min(file_bytes, input.size));
  bool is_readable = true;
  const Status merged = merge(input, *segment, reader, is_readable);
  // The others are compacted without it.
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
  const auto take = [&](const RecordView& record) {
    return take_record(record, static_cast<std::uint32_t>(input.id));
  };
  FrameCursor cursor(reader, segment.identity());
  // The file may be shorter: of the rest its hint tells.
  while (cursor.offset() < input.size) {
    if (cancelled_.load(std::memory_order_relaxed)) {
      return {StatusCode::kShutdown, "the compaction was cancelled: the store is closing"};
    }
    auto frame = cursor.read();
    is_readable = frame.is_ok();
    if (!frame) return frame.status();
    if (frame->has_all_names()) {
      MINIKV_TRY(take_frame(*frame, input.id));
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
  // Nothing becomes live in a sealed segment, so that there can only be less by now.
  if (segment.live() > live_bytes_met_) {
    return {StatusCode::kCorruption,
            fmt::format(
                "{}: the index names records that are not in it (its hint is wrong): compaction leaves the "
                "segment as it is",
                segment.path())};
  }
  return {};
}

Status Compaction::take_frame(const FrameAt& frame, std::uint64_t segment) {
  const auto& records = frame.body.records;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i % Index::kMostAhead == 0 && records.size() - i > 1) fetch_ahead(std::span(records).subspan(i));
    MINIKV_TRY(take_record(records[i], static_cast<std::uint32_t>(segment)));
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

// What the look-ups of the next records will want from memory.
void Compaction::fetch_ahead(std::span<const RecordView> records) const {
  std::array<std::string_view, Index::kMostAhead> keys;
  const std::size_t count = std::min(records.size(), keys.size());
  for (std::size_t i = 0; i < count; ++i) keys[i] = records[i].key;
  SharedGuard guard(state_.lock);
  state_.index.fetch_ahead(std::span(keys).first(count), [](const Place&) {});
}

Status Compaction::take_record(const RecordView& record, std::uint32_t segment) {
  const RecordHeader& header = record.header;
  if (header.type == RecordType::kRangeDelete) return take_range_delete(record);
  std::optional<Place> place;
  bool is_live = false;
  {
    SharedGuard guard(state_.lock);
    place = state_.index.find(record.key);
    is_live = place && is_meant(*place, segment, record);
    if (is_live) live_bytes_met_ += record_bytes(record.key.size(), place->value_bytes);
    if (place && state_.ranges.cover(record.key, place->sequence)) place.reset();
  }
  is_live = is_live && place;
  switch (header.type) {
    case RecordType::kPut:
      if (is_live) return take_put(record, segment, *place);
      return place ? Status() : take_dead(record);
    case RecordType::kLost:
      if (!is_live) return {};
      return keep({header.type, record.key, record.value, header.value_checksum, place->sequence,
                   header.version, place->expiry_ms},
                  segment, record, *place);
    case RecordType::kDelete:
      // Whatever is newer than a tombstone does its work as well.
      if (place && place->sequence > header.sequence) return {};
      return keep_tombstone(record.key, header.sequence);
    case RecordType::kExpire:
      if (!place) return take_dead(record);
      // A put that is copied takes its newest expiry along; only one that stays where it is still needs this
      // record.
      if (place->sequence != header.sequence || is_input(place->segment)) return {};
      return copy(record);
    default: break;
  }
  return {StatusCode::kCorruption, fmt::format("a record of unknown type {}", static_cast<int>(header.type))};
}

Status Compaction::take_put(const RecordView& record, std::uint32_t segment, const Place& place) {
  if (!is_present(place, state_.clock.now_ms())) {
    // Expired. Older records of the key may be elsewhere, and must not come back.
    MINIKV_TRY(keep_tombstone(record.key, place.sequence));
    relocations_.push_back({std::string(record.key), segment, record.offset, place, true});
    return {};
  }
  if (record.value_intact && !place.lost) {
    return keep({RecordType::kPut, record.key, record.value, record.header.value_checksum, place.sequence,
                 place.version, place.expiry_ms},
                segment, record, place);
  }
  const char type = static_cast<char>(record.header.type);
  const std::string_view value(&type, 1);
  Place lost = place;
  lost.lost = true;
  lost.version = lost.sequence;
  lost.value_bytes = 1;
  return keep({RecordType::kLost, record.key, value, value_checksum(value), place.sequence, place.sequence,
               place.expiry_ms},
              segment, record, lost);
}

// Of a key that is not in the index. If something newer on disk says that it is gone, this record may go. But
// an expired key leaves the index without a word on disk: then this record is all that stands before older
// ones.
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

Status Compaction::keep(const NewRecord& record, std::uint32_t segment, const RecordView& from, Place place) {
  MINIKV_ASSIGN_OR_RETURN(const auto copied, output_.add(record));
  place.segment = copied.segment;
  place.offset = copied.offset;
  relocations_.push_back({std::string(record.key), segment, from.offset, place, false});
  return {};
}

// Unless nothing is left that it could be needed against.
Status Compaction::keep_tombstone(std::string_view key, std::uint64_t sequence) {
  if (others_.may_drop_tombstone(key, sequence)) return {};
  return output_.add({RecordType::kDelete, key, {}, value_checksum({}), sequence, sequence, 0}).status();
}

}  // namespace minikv::engine
