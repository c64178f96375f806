// Decides which record of a key counts, and what its damage costs.
#include "engine/tools/key_table.h"

#include <algorithm>
#include <queue>

namespace minikv::engine {
namespace {

absl::string_view as_absl(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

void KeyTable::record(const SegmentFile& segment, const RecordView& record, RecordState state) {
  if (state == RecordState::kTorn) return;
  const RecordHeader& header = record.header;
  if (header.type == RecordType::kRangeDelete) {
    if (state == RecordState::kGood || state == RecordState::kFromHint) {
      ranges_.push_back({std::string(record.key), std::string(record.value), header.sequence});
    }
    return;
  }
  if (is_limited_ && !wanted_.contains(record.key)) return;
  KeyOutcome& known = keys_.try_emplace(as_absl(record.key)).first->second;
  KeyOutcome found;
  found.sequence = header.sequence;
  found.version = header.version;
  found.expiry_ms = header.expiry_ms;
  found.segment = id_of(segment.entry);
  found.offset = record.offset;
  if (state == RecordState::kUnknown) {
    found.what = KeyOutcome::What::kLost;
    found.lost_type = header.type;
    return take(known, found);
  }
  switch (header.type) {
    case RecordType::kPut:
      found.what = state == RecordState::kDamagedValue ? KeyOutcome::What::kLost : KeyOutcome::What::kValue;
      return take(known, found);
    case RecordType::kDelete: return take(known, found);
    case RecordType::kLost:
      found.what = KeyOutcome::What::kLost;
      found.sequence = header.version;  // that of the record which was lost
      if (record.value_intact && record.value.size() == 1) {
        found.lost_type = static_cast<RecordType>(record.value.front());
      }
      return take(known, found);
    case RecordType::kExpire:
      if (header.sequence <= known.expire_sequence) return;
      known.expire_sequence = header.sequence;
      known.expire_version = header.version;
      known.expire_ms = header.expiry_ms;
      return;
    case RecordType::kRangeDelete: return;
  }
}

void KeyTable::take(KeyOutcome& known, KeyOutcome found) {
  const bool is_newer = found.sequence > known.sequence ||
                        (found.sequence == known.sequence && found.what == KeyOutcome::What::kLost);
  if (!is_newer) return;
  found.expire_sequence = known.expire_sequence;
  found.expire_version = known.expire_version;
  found.expire_ms = known.expire_ms;
  known = found;
}

void KeyTable::decide() {
  apply_ranges();
  for (auto& [key, known] : keys_) {
    if (known.expire_sequence <= known.sequence) continue;
    const bool is_of_this_value =
        known.what == KeyOutcome::What::kValue && known.expire_version == known.version;
    if (is_of_this_value) {
      known.sequence = known.expire_sequence;
      known.expiry_ms = known.expire_ms;
    } else if (known.what != KeyOutcome::What::kLost && known.expire_version > known.sequence) {
      // Only a key that is there is ever given an expiry: so a newer value than this one was there, and is
      // gone.
      missing_.push_back(key);
      known.what = KeyOutcome::What::kLost;
      known.lost_type = RecordType::kPut;
      known.sequence = known.version = known.expire_version;
    }
  }
  std::sort(missing_.begin(), missing_.end());
}

// Goes through the keys in order, with a queue of the ranges that have begun and not ended, the newest first.
void KeyTable::apply_ranges() {
  if (ranges_.empty()) return;
  std::sort(ranges_.begin(), ranges_.end(),
            [](const DeletedRange& a, const DeletedRange& b) { return a.from < b.from; });
  const auto is_older = [](const DeletedRange* a, const DeletedRange* b) {
    return a->sequence < b->sequence;
  };
  std::priority_queue<const DeletedRange*, std::vector<const DeletedRange*>, decltype(is_older)> open(
      is_older);
  std::size_t next = 0;
  for (auto& [key, known] : keys_) {
    while (next < ranges_.size() && ranges_[next].from <= key) open.push(&ranges_[next++]);
    while (!open.empty() && !open.top()->to.empty() && open.top()->to <= key) open.pop();
    if (open.empty()) continue;
    const std::uint64_t deleted_at = open.top()->sequence;
    if (known.sequence < deleted_at) {
      known.what = KeyOutcome::What::kAbsent;
      known.sequence = known.version = deleted_at;
    }
  }
}

const KeyOutcome* KeyTable::find(std::string_view key) const {
  const auto found = keys_.find(as_absl(key));
  return found == keys_.end() ? nullptr : &found->second;
}

KeyOutcome* KeyTable::find(std::string_view key) {
  const auto found = keys_.find(as_absl(key));
  return found == keys_.end() ? nullptr : &found->second;
}

void decide_effects(std::vector<Finding>& findings, const KeyTable& table) {
  std::erase_if(findings, [&](Finding& finding) {
    if (finding.effect != Effect::kKeyLost || !finding.has_key) return false;
    const KeyOutcome* outcome = table.find(finding.key);
    const bool is_newest = outcome != nullptr && outcome->what == KeyOutcome::What::kLost &&
                           outcome->sequence <= finding.first_sequence;
    if (!is_newest) finding.effect = Effect::kSuperseded;
    return !is_newest && finding.kind == FindingKind::kLostKey;
  });
}

}  // namespace minikv::engine
