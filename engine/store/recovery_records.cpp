// Recovery of the index: what each record says about its key.

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "engine/store/recovery.h"

namespace minikv::engine {
namespace {

Place place_of(const RecordView& record, const Segment& segment) {
  Place place;
  place.sequence = record.header.sequence;
  place.version = record.header.version;
  place.offset = record.offset;
  place.segment = static_cast<std::uint32_t>(segment.id());
  place.value_bytes = static_cast<std::uint32_t>(record.value.size());
  place.expiry_ms = record.header.expiry_ms;
  return place;
}

}  // namespace

void Recovery::take_frame(const Segment& segment, const FrameAt& frame, std::uint64_t& min_seq,
                          std::uint64_t& max_seq) {
  newest_time_ms_ = std::max(newest_time_ms_, frame.header.engine_time_ms);
  for (const RecordView& record : frame.body.records) {
    const std::uint64_t sequence = record.header.sequence;
    min_seq = min_seq == 0 ? sequence : std::min(min_seq, sequence);
    max_seq = std::max(max_seq, sequence);
    if (Status taken = take_record(segment, record); !taken && problem_) problem_ = taken;
  }
}

Status Recovery::take_record(const Segment& segment, const RecordView& record) {
  newest_sequence_ = std::max(newest_sequence_, record.header.sequence);
  if ((record.header.flags & ~kKnownRecordFlags) != 0) {
    return {StatusCode::kRefused,
            fmt::format("{} at offset {}: a record with flags {:#x}, which this minikv does not "
                        "know: use the version that wrote it, or a newer one",
                        segment.path(), record.offset, record.header.flags)};
  }
  Place place = place_of(record, segment);
  switch (record.header.type) {
    case RecordType::kPut:
      place.lost = !record.value_intact;
      if (place.lost) note_damage(segment, record);
      take_place(record.key, place);
      return {};
    case RecordType::kDelete:
      place.deleted = true;
      take_place(record.key, place);
      return {};
    case RecordType::kLost:
      place.sequence = place.version;  // that of the record which was lost
      place.lost = true;
      named_[std::string(record.key)] = std::max(named_[std::string(record.key)], place.sequence);
      take_place(record.key, place);
      return {};
    case RecordType::kExpire: {
      Expire& expire = expires_[std::string(record.key)];
      if (record.header.sequence > expire.sequence)
        expire = {record.header.sequence, record.header.expiry_ms};
      return {};
    }
    case RecordType::kRangeDelete: break;
  }
  return {
      StatusCode::kRefused,
      fmt::format(
          "{} at offset {}: a record of type {}, which this minikv does not know: use the version that wrote "
          "it, or a newer one",
          segment.path(), record.offset, static_cast<int>(record.header.type))};
}

void Recovery::note_damage(const Segment& segment, const RecordView& record) {
  state_.log.error(
      "{} at offset {}: the value of a key of {} bytes is damaged; the key answers CORRUPT until it is set "
      "or deleted",
      segment.path(), record.offset, record.key.size());
  LostKey& lost = damaged_[std::string(record.key)];
  if (lost.sequence <= record.header.sequence) {
    lost = {std::string(record.key), record.header.sequence, record.header.type};
  }
}

void Recovery::take_place(std::string_view key, const Place& place) {
  state_.lock.assert_alone();
  state_.index.load(key, place);
}

Status Recovery::finish_index() {
  state_.lock.assert_alone();
  for (const auto& [key, expire] : expires_) {
    auto place = state_.index.find(key);
    // A later put would have a later sequence, and only a key that is there is ever given an expiry: so what is older
    // is the value that the expiry was given to.
    if (!place || place->deleted || place->sequence >= expire.sequence) continue;
    place->sequence = expire.sequence;
    place->expiry_ms = expire.expiry_ms;
    state_.index.load(key, *place);
  }
  for (const auto& [key, lost] : damaged_) {
    const auto place = state_.index.find(key);
    const auto named = named_.find(key);
    const bool has_a_name = named != named_.end() && named->second == lost.sequence;
    if (place && place->lost && place->sequence == lost.sequence && !has_a_name) result_.lost.push_back(lost);
  }
  std::uint64_t lost_keys = 0;
  const auto keep = [&](std::string_view key, const Place& place) {
    state_.lock.assert_alone();
    lost_keys += place.lost ? 1 : 0;
    state_.segments.find(place.segment)
        ->second->live_bytes.fetch_add(record_bytes(key.size(), place.value_bytes),
                                       std::memory_order_relaxed);
    return true;
  };
  state_.index.finish_loading(keep, std::min(4U, std::max(1U, std::thread::hardware_concurrency())));
  state_.counters.lost_keys.store(lost_keys, std::memory_order_relaxed);
  return {};
}

void Recovery::share(std::unique_ptr<Segment> segment) {
  state_.lock.assert_alone();
  const auto id = static_cast<std::uint32_t>(segment->id());
  state_.segments.emplace(id, share_segment(std::move(segment), state_.graveyard));
}

}  // namespace minikv::engine
