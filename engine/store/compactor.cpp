#include "engine/store/compactor.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/format/file_names.h"
#include "engine/store/hints.h"
#include "engine/store/segment_walk.h"
#include "engine/store/survey.h"

namespace minikv::engine {
namespace {

// Whether this is the record that the index means: what a wrong hint has led to here is another's, or an older one.
bool is_meant(const Place& place, std::uint32_t segment, const RecordView& record) {
  if (!place.is_at(segment, record.offset)) return false;
  return place.lost ||
         (place.version == record.header.version && place.value_bytes == record.header.value_length);
}

// Whether what can't be read of it is what somebody has accepted, and no more.
Result<bool> may_give_up_loss(const ManifestSegment& input, const Segment& segment,
                              std::uint64_t file_bytes) {
  if (input.accepted_loss == 0) return false;
  const auto survey = survey_segment(segment.file(), segment.identity(), file_bytes);
  if (!survey) return survey.status();
  return std::max<std::uint32_t>(survey->loss, 1) == input.accepted_loss;
}

}  // namespace

Result<std::uint64_t> Compaction::run(const std::vector<ManifestSegment>& inputs) {
  std::uint64_t input_bytes = 0;
  for (const ManifestSegment& input : inputs) {
    input_ids_.push_back(input.id);
    input_bytes += input.size;
  }
  look_outside();
  MINIKV_TRY(check_space(inputs));
  for (const ManifestSegment& input : inputs) MINIKV_TRY(merge(input));
  MINIKV_TRY(output_.finish());
  const std::uint64_t output_bytes = output_.bytes();
  MINIKV_TRY(install(inputs));
  state_.counters.compactions.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t reclaimed = input_bytes > output_bytes ? input_bytes - output_bytes : 0;
  state_.counters.reclaimed_bytes.fetch_add(reclaimed, std::memory_order_relaxed);
  return reclaimed;
}

bool Compaction::is_input(std::uint64_t segment_id) const {
  return std::find(input_ids_.begin(), input_ids_.end(), segment_id) != input_ids_.end();
}

// The log's segments are left out: they hold only what was written after everything that is sealed.
void Compaction::look_outside() {
  const std::vector<ManifestSegment> entries = keeper_.segments();
  SharedGuard guard(state_.lock);
  for (const ManifestSegment& entry : entries) {
    if (entry.state != SegmentState::kSealed || entry.min_seq == 0 || is_input(entry.id)) continue;
    const auto found = state_.segments.find(static_cast<std::uint32_t>(entry.id));
    outside_.push_back({entry, found == state_.segments.end() ? nullptr : found->second});
  }
  std::sort(outside_.begin(), outside_.end(),
            [](const Outside& a, const Outside& b) { return a.entry.min_seq < b.entry.min_seq; });
}

Status Compaction::check_space(const std::vector<ManifestSegment>& inputs) {
  std::uint64_t live = 0;
  {
    SharedGuard guard(state_.lock);
    for (const ManifestSegment& input : inputs) {
      const auto found = state_.segments.find(static_cast<std::uint32_t>(input.id));
      if (found != state_.segments.end()) live += found->second->live_bytes.load(std::memory_order_relaxed);
    }
  }
  // Little where little is alive: on a full disk this is how there comes to be room again. Too little does no harm.
  const std::uint64_t needed = live + std::min(live, kMiB);
  auto free = keeper_.free_space();
  if (free && *free <= needed) {
    // The spare is the reserve of a full disk: what it takes is enough to give back more.
    spare_hold_.is_held = true;
    MINIKV_TRY(keeper_.release_spare());
    free = keeper_.free_space();
  }
  if (!free) return free.status();
  if (*free >= needed) return {};
  return {StatusCode::kDiskFull, fmt::format("{}: compaction needs {} bytes of room and there are {}",
                                             state_.directory, needed, *free)};
}

Status Compaction::merge(const ManifestSegment& input) {
  std::shared_ptr<Segment> segment;
  {
    SharedGuard guard(state_.lock);
    segment = state_.segments.find(static_cast<std::uint32_t>(input.id))->second;
  }
  const auto file_bytes = segment->file().size();
  if (!file_bytes) return file_bytes.status();
  SegmentReader reader(segment->file(), std::min(*file_bytes, input.size));
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
  auto gives_up_loss = may_give_up_loss(input, segment, reader.size());
  is_readable = gives_up_loss.is_ok();
  if (!gives_up_loss) return gives_up_loss.status();
  gives_up_loss_ = *gives_up_loss;
  for (std::uint64_t offset = sizeof(SegmentHeader); offset < input.size;) {
    if (cancelled_.load(std::memory_order_relaxed)) {
      return {StatusCode::kShutdown, "the compaction was cancelled: the store is closing"};
    }
    auto frame = read_frame(reader, segment.identity(), offset);
    is_readable = frame.is_ok();
    if (!frame) return frame.status();
    if (frame->kind == FrameAt::Kind::kWhole ||
        (frame->kind == FrameAt::Kind::kDamaged && frame->body.names_all)) {
      const auto& records = frame->body.records;
      for (std::size_t i = 0; i < records.size(); ++i) {
        if (i % Index::kMostAhead == 0 && records.size() - i > 1) fetch_ahead(std::span(records).subspan(i));
        MINIKV_TRY(take_record(records[i], static_cast<std::uint32_t>(input.id)));
      }
      rate_.spend(frame->end - offset, cancelled_);
      offset = frame->end;
    } else {
      auto next = find_frame(reader, segment.identity(), offset + kAlignment,
                             [](const FrameHeader&) { return true; });
      is_readable = next.is_ok();
      if (!next) return next.status();
      const std::uint64_t end = next->value_or(input.size);
      MINIKV_TRY(merge_damaged(input, segment, reader, offset, end));
      offset = end;
    }
  }
  // Nothing becomes live in a sealed segment, so that there can only be less by now.
  if (segment.live_bytes.load(std::memory_order_relaxed) > live_bytes_met_) {
    return {StatusCode::kCorruption,
            fmt::format(
                "{}: the index names records that are not in it (its hint is wrong): compaction leaves the "
                "segment as it is",
                segment.path())};
  }
  return {};
}

Status Compaction::merge_damaged(const ManifestSegment& input, const Segment& segment, SegmentReader& reader,
                                 std::uint64_t begin, std::uint64_t end) {
  const auto hint = read_hint(state_.file_system, state_.directory + "/" + hint_name(input.id),
                              hint_identity(keeper_.store_id(), input));
  if (hint) {
    state_.log.error("{}: damaged at offset {}; its hint says of which keys", segment.path(), begin);
    return merge_hinted(*hint, segment, begin, end);
  }
  if (!gives_up_loss_) {
    return {StatusCode::kCorruption,
            fmt::format(
                "{}: damaged at offset {}, and there is no hint that says of which keys: compaction leaves "
                "the segment as it is",
                segment.path(), begin)};
  }
  state_.log.warn("{}: damaged at offset {}; what can't be read is given up, as was accepted", segment.path(),
                  begin);
  return merge_salvaged(segment, reader, begin, std::min(end, reader.size()));
}

Status Compaction::merge_hinted(const Hint& hint, const Segment& segment, std::uint64_t begin,
                                std::uint64_t end) {
  Status status;
  std::string bytes;
  hint.for_each([&](const HintEntry& entry) {
    if (entry.offset < begin || entry.offset >= end) return true;
    RecordView record;
    record.header = entry.header;
    record.offset = entry.offset;
    record.key = entry.key;
    record.value = entry.value;
    record.value_intact = entry.header.type != RecordType::kPut;
    // Some of the stretch may be sound.
    bytes.resize(sizeof(RecordHeader) + entry.key.size() + entry.header.value_length);
    if (segment.file().read(entry.offset, bytes)) {
      if (const auto sound = parse_record(bytes, segment.identity(), entry.offset)) record = *sound;
    }
    status = take_record(record, static_cast<std::uint32_t>(segment.id()));
    return status.is_ok();
  });
  return status;
}

// The records name themselves, as they did when the store was opened.
Status Compaction::merge_salvaged(const Segment& segment, SegmentReader& reader, std::uint64_t begin,
                                  std::uint64_t end) {
  class Taker final : public WalkVisitor {
   public:
    Taker(Compaction& compaction, std::uint32_t segment) : compaction_(compaction), segment_(segment) {}
    void frame(std::uint64_t, const FrameAt&) override {}
    void gap(std::uint64_t, std::uint64_t) override {}
    void record(const RecordView& record, bool) override {
      if (status) status = compaction_.take_record(record, segment_);
    }
    Status status;

   private:
    Compaction& compaction_;
    const std::uint32_t segment_;
  };
  Taker taker(*this, static_cast<std::uint32_t>(segment.id()));
  MINIKV_TRY(walk_records(reader, segment.identity(), begin, end, taker));
  return taker.status;
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
      // A put that is copied takes its newest expiry along; only one that stays where it is still needs this record.
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
    moves_.push_back({std::string(record.key), segment, record.offset, place, true});
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

// Of a key that is not in the index. If something newer on disk says that it is gone, this record may go. But an expired
// key leaves the index without a word on disk: then this record is all that stands before older ones.
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
  if (may_drop({std::string(record.key), std::string(record.value), record.header.sequence})) return {};
  return copy(record);
}

Status Compaction::keep(const NewRecord& record, std::uint32_t segment, const RecordView& from, Place place) {
  auto added = output_.add(record);
  if (!added) return added.status();
  place.segment = added->segment;
  place.offset = added->offset;
  moves_.push_back({std::string(record.key), segment, from.offset, place, false});
  return {};
}

// Unless nothing is left that it could be needed against.
Status Compaction::keep_tombstone(std::string_view key, std::uint64_t sequence) {
  if (may_drop_tombstone(key, sequence)) return {};
  return output_.add({RecordType::kDelete, key, {}, value_checksum({}), sequence, sequence, 0}).status();
}

bool Compaction::may_drop_tombstone(std::string_view key, std::uint64_t sequence) const {
  for (const Outside& outside : outside_) {
    if (outside.entry.min_seq > sequence) return true;
    const SegmentKeys* const keys = outside.segment ? outside.segment->keys() : nullptr;
    if (keys == nullptr || keys->may_hold(key)) return false;
  }
  return true;
}

bool Compaction::may_drop(const RangeDelete& range) const {
  for (const Outside& outside : outside_) {
    if (outside.entry.min_seq > range.sequence) return true;
    const SegmentKeys* const keys = outside.segment ? outside.segment->keys() : nullptr;
    if (keys == nullptr) return false;
    if (!keys->may_hold_any(range.from, range.to)) continue;
    // Range deletes are few: the hint tells exactly.
    const auto hint = read_hint(state_.file_system, state_.directory + "/" + hint_name(outside.entry.id),
                                hint_identity(keeper_.store_id(), outside.entry));
    if (!hint) return false;
    const bool holds_none = hint->for_each([&](const HintEntry& entry) {
      return entry.header.type == RecordType::kRangeDelete || !range.covers(entry.key) ||
             entry.header.sequence > range.sequence;
    });
    if (!holds_none) return false;
  }
  return true;
}

}  // namespace minikv::engine
