#include "engine/store/compactor.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace minikv::engine {
namespace {

constexpr std::size_t kMovesPerHold = 256;
constexpr std::size_t kMovesPerErrand = 4096;

}  // namespace

Result<std::uint64_t> Compaction::run(const std::vector<ManifestSegment>& inputs) {
  for (const ManifestSegment& input : inputs) input_ids_.push_back(input.id);
  outside_min_seq_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t input_bytes = 0;
  for (const ManifestSegment& segment : keeper_.segments()) {
    if (std::find(input_ids_.begin(), input_ids_.end(), segment.id) != input_ids_.end()) {
      input_bytes += segment.size;
    } else if (segment.state == SegmentState::kSealed && segment.min_seq != 0) {
      // The log's segments hold only what was written after everything that is sealed.
      outside_min_seq_ = std::min(outside_min_seq_, segment.min_seq);
    }
  }
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

Status Compaction::check_space(const std::vector<ManifestSegment>& inputs) const {
  std::uint64_t needed = 0;
  {
    SharedGuard guard(state_.lock);
    for (const ManifestSegment& input : inputs) {
      const auto found = state_.segments.find(static_cast<std::uint32_t>(input.id));
      if (found != state_.segments.end()) needed += found->second->live_bytes.load(std::memory_order_relaxed);
    }
  }
  const auto free = state_.file_system.free_space(state_.directory);
  if (!free) return free.status();
  if (*free > needed + kMiB) return {};
  return {StatusCode::kDiskFull, fmt::format("{}: compaction needs {} bytes of room and there are {}",
                                             state_.directory, needed + kMiB, *free)};
}

Status Compaction::merge(const ManifestSegment& input) {
  std::shared_ptr<Segment> segment;
  {
    SharedGuard guard(state_.lock);
    segment = state_.segments.find(static_cast<std::uint32_t>(input.id))->second;
  }
  SegmentReader reader(segment->file(), input.size);
  for (std::uint64_t offset = sizeof(SegmentHeader); offset < input.size;) {
    if (cancelled_.load(std::memory_order_relaxed)) {
      return {StatusCode::kShutdown, "the compaction was cancelled: the store is closing"};
    }
    auto frame = read_frame(reader, segment->identity(), offset);
    if (!frame) return frame.status();
    const bool has_all_names = frame->kind == FrameAt::Kind::kWhole ||
                               (frame->kind == FrameAt::Kind::kDamaged && frame->body.names_all);
    if (!has_all_names) {
      return {StatusCode::kCorruption,
              fmt::format("{}: damaged at offset {}: compaction leaves the segment as it is", segment->path(),
                          offset)};
    }
    for (const RecordView& record : frame->body.records) {
      MINIKV_TRY(take_record(record, static_cast<std::uint32_t>(input.id)));
    }
    offset = frame->end;
  }
  return {};
}

Status Compaction::take_record(const RecordView& record, std::uint32_t segment) {
  std::optional<Place> place;
  {
    SharedGuard guard(state_.lock);
    place = state_.index.find(record.key);
  }
  const RecordHeader& header = record.header;
  const NewRecord as_it_is{header.type,     record.key,     record.value,    header.value_checksum,
                           header.sequence, header.version, header.expiry_ms};
  switch (header.type) {
    case RecordType::kPut:
      if (!place && header.expiry_ms != 0) return bury(record);
      if (!place || !place->is_at(segment, record.offset)) return {};
      return take_put(record, segment, *place);
    case RecordType::kLost:
      if (!place || !place->is_at(segment, record.offset)) return {};
      return keep(as_it_is, segment, record, *place);
    case RecordType::kDelete: {
      // Whatever is newer than a tombstone does its work as well.
      if ((place && place->sequence > header.sequence) || may_drop_tombstone(header.sequence)) return {};
      auto added = output_.add(as_it_is);
      return added.status();
    }
    case RecordType::kExpire: {
      // A put that is copied takes its newest expiry along; only one that stays where it is still needs this record.
      if (!place) return bury(record);
      if (place->sequence != header.sequence) return {};
      if (std::find(input_ids_.begin(), input_ids_.end(), place->segment) != input_ids_.end()) return {};
      auto added = output_.add(as_it_is);
      return added.status();
    }
    case RecordType::kRangeDelete: break;
  }
  return {StatusCode::kCorruption, fmt::format("a record of unknown type {}", static_cast<int>(header.type))};
}

Status Compaction::take_put(const RecordView& record, std::uint32_t segment, const Place& place) {
  if (!record.value_intact || place.lost) {
    const char type = static_cast<char>(record.header.type);
    const std::string_view value(&type, 1);
    Place lost = place;
    lost.lost = true;
    lost.expiry_ms = 0;
    lost.version = lost.sequence;
    lost.value_bytes = 1;
    return keep(
        {RecordType::kLost, record.key, value, value_checksum(value), place.sequence, place.sequence, 0},
        segment, record, lost);
  }
  if (is_present(place, state_.clock.now_ms())) {
    return keep({RecordType::kPut, record.key, record.value, record.header.value_checksum, place.sequence,
                 place.version, place.expiry_ms},
                segment, record, place);
  }
  MINIKV_TRY(add_tombstone(record.key, place.sequence));
  moves_.push_back({std::string(record.key), segment, record.offset, place, true});
  return {};
}

// The key is not in the index. It may have expired and left it, and this record may be what tells recovery so.
Status Compaction::bury(const RecordView& record) {
  return add_tombstone(record.key, record.header.sequence);
}

// For an expired record: older ones of the key may be elsewhere, and must not come back.
Status Compaction::add_tombstone(std::string_view key, std::uint64_t sequence) {
  if (may_drop_tombstone(sequence)) return {};
  auto added = output_.add({RecordType::kDelete, key, {}, value_checksum({}), sequence, sequence, 0});
  return added.status();
}

Status Compaction::keep(const NewRecord& record, std::uint32_t segment, const RecordView& from, Place place) {
  auto added = output_.add(record);
  if (!added) return added.status();
  place.segment = added->segment;
  place.offset = added->offset;
  moves_.push_back({std::string(record.key), segment, from.offset, place, false});
  return {};
}

bool Compaction::may_drop_tombstone(std::uint64_t sequence) const { return outside_min_seq_ > sequence; }

Status Compaction::install(const std::vector<ManifestSegment>& inputs) {
  // What made records dead must be durable before their segments may go.
  MINIKV_TRY(keeper_.make_durable(state_.visible_sequence.load(std::memory_order_acquire)));
  // Kept from here on, even if the commit fails: it may have reached the disk all the same. What the manifest does not
  // name after all is removed at the next start.
  const auto outputs = output_.keep();
  MINIKV_TRY(keeper_.commit_compaction(output_.entries(), input_ids_));
  const Status installed = writer_.run_on_writer([&] {
    ExclusiveGuard guard(state_.lock);
    for (const auto& output : outputs)
      state_.segments.emplace(static_cast<std::uint32_t>(output->id()), output);
  });
  MINIKV_TRY(installed);
  for (std::size_t first = 0; first < moves_.size(); first += kMovesPerErrand) {
    const std::size_t last = std::min(first + kMovesPerErrand, moves_.size());
    MINIKV_TRY(writer_.run_on_writer([&] { apply_moves(first, last); }));
  }
  for (const auto& output : outputs) {
    output->dead_at_birth_bytes.store(output->used_bytes.load(std::memory_order_relaxed) -
                                          std::min(output->used_bytes.load(std::memory_order_relaxed),
                                                   output->live_bytes.load(std::memory_order_relaxed)),
                                      std::memory_order_relaxed);
  }
  std::vector<std::shared_ptr<Segment>> dropped;
  MINIKV_TRY(writer_.run_on_writer([&] {
    ExclusiveGuard guard(state_.lock);
    for (const ManifestSegment& input : inputs) {
      const auto found = state_.segments.find(static_cast<std::uint32_t>(input.id));
      dropped.push_back(std::move(found->second));
      state_.segments.erase(found);
    }
  }));
  return {};  // the inputs go to the graveyard here, or when their last reader is done
}

void Compaction::apply_moves(std::size_t first, std::size_t last) {
  while (first < last) {
    ExclusiveGuard guard(state_.lock);
    for (std::size_t held = 0; held < kMovesPerHold && first < last; ++held, ++first) apply(moves_[first]);
  }
}

// Only if the index still names the old place: who wrote meanwhile wins.
void Compaction::apply(const Move& move) {
  const auto place = state_.index.find(move.key);
  if (!place || !place->is_at(move.from_segment, move.from_offset)) return;
  if (move.erase) {
    if (place->sequence == move.to.sequence) {
      state_.index.erase(move.key);
    }
    return;
  }
  Place now = *place;
  now.segment = move.to.segment;
  now.offset = move.to.offset;
  now.value_bytes = move.to.value_bytes;
  now.lost = move.to.lost;
  if (now.lost && !place->lost) {
    now.version = now.sequence;
    now.expiry_ms = 0;
    state_.counters.lost_keys.fetch_add(1, std::memory_order_relaxed);
  }
  state_.index.put(move.key, now);
  state_.segments.find(now.segment)
      ->second->live_bytes.fetch_add(record_bytes(move.key.size(), now.value_bytes),
                                     std::memory_order_relaxed);
}

}  // namespace minikv::engine
