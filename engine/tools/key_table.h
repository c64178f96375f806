// The outcome for each key of a store, worked out from records in any order.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/btree_map.h>

#include "engine/tools/inspection.h"

namespace minikv::engine {

// The outcome for one key. It is not final before KeyTable::decide().
struct KeyOutcome {
  enum class What : std::uint8_t {
    kAbsent,  // never written, or deleted
    kValue,
    kLost,  // its newest record is damaged, or known to be missing
  };
  What what = What::kAbsent;
  RecordType lost_type = RecordType::kPut;  // of what was lost
  std::uint64_t sequence = 0;               // rank_of() the newest record
  std::uint64_t version = 0;
  std::int64_t expiry_ms = 0;
  SegmentId segment;  // the value's location: the record's segment and offset
  std::uint64_t offset = 0;
  bool is_saved = false;  // for a sink that copies values
  // The newest record that gives the key an expiry and leaves the value where it is.
  std::uint64_t expire_sequence = 0;
  std::uint64_t expire_version = 0;
  std::int64_t expire_ms = 0;
};

// The record of a key with the highest sequence wins. A damaged record wins as well as a sound one, so that
// no older value replaces it.
//
// Thread safety: not thread-safe.
class KeyTable final : public InspectionSink {
 public:
  // In order. Abseil's hash tables can't be used under AddressSanitizer, because a part of them is in
  // Debian's library, which is built without.
  using Keys = absl::btree_map<std::string, KeyOutcome>;

  KeyTable() = default;
  // Takes records of these keys alone.
  explicit KeyTable(std::set<std::string, std::less<>> wanted)
      : wanted_(std::move(wanted)), is_limited_(true) {}

  void record(const SegmentFile& segment, const RecordView& record, RecordState state) override;
  // Applies deleted ranges and expiries. To be called once, behind the last record.
  void decide();

  // The outcome after decide(). Null: there was no record of the key.
  const KeyOutcome* find(std::string_view key) const;
  KeyOutcome* find(std::string_view key);
  const Keys& keys() const { return keys_; }
  // The keys with a missing value that no damaged record tells of: an expiry was set for a value that is not
  // there.
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  struct DeletedRange {
    std::string from;
    std::string to;  // not included; empty: all behind
    std::uint64_t sequence = 0;
  };

  void take(KeyOutcome& known, KeyOutcome found);
  void apply_ranges();

  Keys keys_;
  std::vector<DeletedRange> ranges_;
  std::vector<std::string> missing_;
  std::set<std::string, std::less<>> wanted_;
  bool is_limited_ = false;
};

// Decides which findings of damaged records concern the newest record of their key, and drops those of lost
// keys that have been written since.
void decide_effects(std::vector<Finding>& findings, const KeyTable& table);

}  // namespace minikv::engine
