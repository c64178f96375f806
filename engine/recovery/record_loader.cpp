// What each type of record means to the index.
#include "engine/recovery/record_loader.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace minikv::engine {
namespace {

constexpr std::size_t kFewKeys = 10'000;  // fewer are sorted in no time

}  // namespace

Status RecordLoader::take(const Segment& segment, const RecordView& record) {
  return take(segment, record.header, record.offset, record.key, record.value, record.value_intact);
}

Status RecordLoader::take(const Segment& segment, const HintEntry& entry, bool is_there) {
  const bool value_intact = is_there || entry.header.type != RecordType::kPut;
  return take(segment, entry.header, entry.offset, entry.key, entry.value, value_intact);
}

void RecordLoader::flush() { loader_.flush(); }

void RecordLoader::note_time(std::int64_t engine_time_ms) {
  newest_time_ms_ = std::max(newest_time_ms_, engine_time_ms);
}

Status RecordLoader::take(const Segment& segment, const RecordHeader& header, std::uint64_t offset,
                          std::string_view key, std::string_view value, bool value_intact) {
  assert(!is_finished_);
  newest_sequence_ = std::max(newest_sequence_, header.sequence);
  if ((header.flags & ~kKnownRecordFlags) != 0) {
    return {
        StatusCode::kRefused,
        fmt::format("{} at offset {}: a record with flags {:#x}, which this minikv does not know: use the "
                    "version that wrote it, or a newer one",
                    segment.path(), offset, header.flags)};
  }
  Location location;
  location.sequence = header.sequence;
  location.version = header.version;
  location.offset = offset;
  location.segment = segment.id();
  location.value_bytes = header.value_length;
  location.expiry_ms = header.expiry_ms;
  switch (header.type) {
    case RecordType::kPut:
      location.lost = !value_intact;
      if (location.lost) note_damage(segment, header, offset, key);
      break;
    case RecordType::kDelete: location.deleted = true; break;
    case RecordType::kLost: {
      location.sequence = location.version;  // of the record that was lost
      location.lost = true;
      std::uint64_t& named = named_[std::string(key)];
      named = std::max(named, location.sequence);
      break;
    }
    case RecordType::kExpire: {
      Expire& expire = expires_[std::string(key)];
      if (header.sequence > expire.sequence) expire = {header.sequence, header.expiry_ms};
      return {};
    }
    case RecordType::kRangeDelete:
      if (!value_intact) return {StatusCode::kCorruption, "a range delete is damaged"};
      ranges_.push_back({std::string(key), std::string(value), header.sequence});
      return {};
    default:
      return {StatusCode::kRefused,
              fmt::format(
                  "{} at offset {}: a record of type {}, which this minikv does not know: use the version "
                  "that wrote it, or a newer one",
                  segment.path(), offset, static_cast<int>(header.type))};
  }
  loader_.add(key, location);
  return {};
}

void RecordLoader::note_damage(const Segment& segment, const RecordHeader& header, std::uint64_t offset,
                               std::string_view key) {
  state_.log.error(
      "{} at offset {}: the value of a key of {} bytes is damaged; if nothing newer is known of the key, it "
      "answers CORRUPT until it is set or deleted",
      segment.path(), offset, key.size());
  LostKey& lost = damaged_[std::string(key)];
  if (lost.sequence <= header.sequence) lost = {std::string(key), header.sequence, header.type};
}

void RecordLoader::merge(RecordLoader&& other) {
  assert(!is_finished_ && !other.is_finished_ && &other != this);
  newest_time_ms_ = std::max(newest_time_ms_, other.newest_time_ms_);
  newest_sequence_ = std::max(newest_sequence_, other.newest_sequence_);
  ranges_.insert(ranges_.end(), std::make_move_iterator(other.ranges_.begin()),
                 std::make_move_iterator(other.ranges_.end()));
  for (auto& [key, expire] : other.expires_) {
    Expire& mine = expires_[std::string(key)];
    if (expire.sequence > mine.sequence) mine = expire;
  }
  for (auto& [key, lost] : other.damaged_) {
    LostKey& mine = damaged_[key];
    if (mine.sequence <= lost.sequence) mine = std::move(lost);
  }
  for (const auto& [key, sequence] : other.named_) {
    std::uint64_t& mine = named_[std::string(key)];
    mine = std::max(mine, sequence);
  }
}

std::vector<LostKey> RecordLoader::find_lost_keys(const RangeDeletes& ranges, std::int64_t now_ms) const {
  state_.lock.assert_alone();
  std::vector<LostKey> lost_keys;
  for (const auto& [key, lost] : damaged_) {
    const auto location = state_.index.find(key);
    const auto named = named_.find(key);
    const bool has_a_name = named != named_.end() && named->second == lost.sequence;
    if (location && location->lost && location->sequence == lost.sequence && !has_a_name &&
        is_present(*location, now_ms) && !ranges.cover(key, location->sequence)) {
      lost_keys.push_back(lost);
    }
  }
  return lost_keys;
}

void RecordLoader::apply_expires() {
  state_.lock.assert_alone();
  for (const auto& [key, expire] : expires_) {
    auto location = state_.index.find(key);
    // Only an existing key is given an expiry, and a later put would have a later sequence. So the older
    // record in the index is the value that the expiry was given to.
    if (!location || location->deleted || location->sequence >= expire.sequence) continue;
    location->sequence = expire.sequence;
    location->expiry_ms = expire.expiry_ms;
    state_.index.load(key, *location);
  }
}

std::vector<LostKey> RecordLoader::finish(std::int64_t now_ms) {
  assert(!is_finished_);
  is_finished_ = true;
  state_.lock.assert_alone();
  RangeDeletes ranges;
  ranges.add(ranges_);
  std::vector<LostKey> lost_keys = find_lost_keys(ranges, now_ms);
  apply_expires();
  const unsigned threads =
      state_.options.single_threaded ? 1 : std::max(1U, std::thread::hardware_concurrency());
  struct alignas(64) Sums {
    std::uint64_t& live_bytes_of(SegmentId of) {
      // Neighbours in memory are mostly in the same segment, as they were written one after the other.
      if (last == nullptr || segment != of) last = &live_bytes[segment = of];
      return *last;
    }
    std::uint64_t lost = 0;
    std::unordered_map<SegmentId, std::uint64_t> live_bytes;  // by segment
    SegmentId segment;
    std::uint64_t* last = nullptr;  // of that segment
  };
  std::array<Sums, Index::kParts> sums;
  const auto keep = [&](std::size_t part, std::string_view key, const Location& location) {
    if (ranges.cover(key, location.sequence) || !is_present(location, now_ms)) return false;
    sums[part].lost += location.lost ? 1 : 0;
    sums[part].live_bytes_of(location.segment) += record_bytes(key.size(), location.value_bytes);
    return true;
  };
  const bool now = state_.options.single_threaded || state_.index.size() < kFewKeys;
  state_.index.finish_loading(keep, threads, now ? Index::Ordering::kNow : Index::Ordering::kLater);
  std::uint64_t lost_count = 0;
  for (const Sums& sum : sums) {
    lost_count += sum.lost;
    for (const auto& [segment, bytes] : sum.live_bytes) {
      state_.segments.find(segment)->second->live_bytes.fetch_add(bytes, std::memory_order_relaxed);
    }
  }
  state_.counters.lost_keys.store(lost_count, std::memory_order_relaxed);
  return lost_keys;
}

}  // namespace minikv::engine
