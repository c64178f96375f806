// Copies the records that count into a new store.
#include "engine/tools/repair.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "engine/format/crc32c.h"
#include "engine/tools/key_table.h"
#include "engine/tools/store_builder.h"
#include "engine/tools/verify.h"
#include "minikv/transaction.h"

namespace minikv::engine {
namespace {

using What = KeyOutcome::What;

// Copies the records that won. The new store has no lead over the wall clock, so engine time becomes wall
// time.
class CopySink final : public InspectionSink {
 public:
  CopySink(KeyTable& table, StoreBuilder& builder, const TimeLead& lead)
      : table_(table), builder_(builder), lead_(lead) {}

  void record(const SegmentFile& segment, const RecordView& record, RecordState state) override {
    const bool is_sound = state == RecordState::kGood || state == RecordState::kFromHint;
    if (!status_ || !is_sound || record.header.type != RecordType::kPut) return;
    KeyOutcome* outcome = table_.find(record.key);
    if (outcome == nullptr || outcome->what != What::kValue || outcome->segment != id_of(segment.entry) ||
        outcome->offset != record.offset || outcome->is_saved) {
      return;
    }
    status_ = builder_.add({RecordType::kPut, record.key, record.value, record.header.value_checksum,
                            outcome->sequence, outcome->version, wall_expiry(outcome->expiry_ms)});
    outcome->is_saved = true;
  }

  const Status& status() const { return status_; }

 private:
  std::int64_t wall_expiry(std::int64_t expiry_ms) const {
    return expiry_ms == kNoExpiry ? kNoExpiry : lead_.to_wall(expiry_ms);
  }

  KeyTable& table_;
  StoreBuilder& builder_;
  const TimeLead lead_;
  Status status_;
};

// The first sequence behind all that the old store may have given to a write.
std::uint64_t next_sequence(const StoreFiles& files, const InspectionSummary& summary) {
  const std::uint64_t behind_all_seen = summary.newest_sequence + 1;
  if (files.manifest()) return std::max(files.manifest()->seq_limit, behind_all_seen);
  // The writer reserves sequences in blocks, the next one when half of the last is used.
  return behind_all_seen + 2 * kSequenceBlock;
}

// Why each key was lost, as far as a finding tells.
std::map<std::string_view, FindingKind> reasons(const std::vector<Finding>& findings) {
  std::map<std::string_view, FindingKind> kinds;
  for (const Finding& finding : findings) {
    if (finding.effect == Effect::kKeyLost) kinds[finding.key] = finding.kind;
  }
  return kinds;
}

Status add_lost(StoreBuilder& builder, const LostValue& lost) {
  const char type = static_cast<char>(lost.type);
  const std::string_view value(&type, 1);
  return builder.add({RecordType::kLost, lost.key, value, crc32c(value), lost.sequence, lost.sequence, 0});
}

void collect_outcome(const KeyTable& table, Repair& result) {
  const auto why = reasons(result.findings);
  // Below this sequence records of unknown keys may be missing.
  std::uint64_t doubtful_below = 0;
  for (const Finding& finding : result.findings) {
    if (finding.effect != Effect::kNameless && finding.effect != Effect::kAccepted) continue;
    doubtful_below =
        finding.last_sequence == 0 ? result.next_sequence : std::max(doubtful_below, finding.last_sequence);
  }
  for (const auto& [key, outcome] : table.keys()) {
    if (outcome.what == What::kAbsent) continue;
    if (outcome.what == What::kValue && outcome.is_saved) {
      ++result.saved_keys;
      if (outcome.sequence < doubtful_below) ++result.doubtful_keys;
      continue;
    }
    const auto reason = why.find(key);
    FindingKind kind = outcome.what == What::kValue ? FindingKind::kUnreadable : FindingKind::kMissingValue;
    if (reason != why.end()) kind = reason->second;
    result.lost.push_back({key, outcome.lost_type, outcome.sequence, kind});
  }
  std::sort(result.lost.begin(), result.lost.end(),
            [](const LostValue& a, const LostValue& b) { return a.key < b.key; });
}

// Reports lost values that only another record of the key tells of.
void report_missing(const KeyTable& table, std::vector<Finding>& findings) {
  for (const std::string& key : table.missing()) {
    Finding finding{FindingKind::kMissingValue, Effect::kKeyLost,
                    "a record gives the key an expiry, and the value that it was given to is not there"};
    finding.has_key = true;
    finding.key = key;
    finding.first_sequence = finding.last_sequence = table.find(key)->sequence;
    findings.push_back(std::move(finding));
  }
}

// Reads the new store again, because a disk that has damaged a store is not to be trusted.
Status check(FileSystem& file_system, const std::string& directory) {
  MINIKV_ASSIGN_OR_RETURN(const auto verification, verify_store(file_system, directory, {}));
  for (const Finding& finding : verification.findings) {
    if (!finding.is_damage() || finding.kind == FindingKind::kLostKey) continue;
    return {StatusCode::kCorruption, fmt::format("{}/{}: the new store does not check out: {}", directory,
                                                 finding.file, finding.what)};
  }
  return {};
}

}  // namespace

bool Repair::is_clean() const {
  return lost.empty() && std::none_of(findings.begin(), findings.end(),
                                      [](const Finding& finding) { return finding.is_damage(); });
}

Result<Repair> repair_store(FileSystem& file_system, const std::string& directory,
                            const std::string& new_directory, const RepairOptions& options,
                            const Progress& progress) {
  MINIKV_ASSIGN_OR_RETURN(auto files, StoreFiles::open(file_system, directory));
  KeyTable table;
  Inspection inspection(files, &table, progress);
  MINIKV_TRY(inspection.run());
  table.decide();
  Repair result;
  result.findings = std::move(inspection.findings());
  result.summary = inspection.summary();
  result.was_locked = files.is_locked();
  result.next_sequence = next_sequence(files, result.summary);
  decide_effects(result.findings, table);
  report_missing(table, result.findings);

  const TimeLead lead = files.manifest() ? files.manifest()->lead.lead : TimeLead();
  MINIKV_ASSIGN_OR_RETURN(auto builder, StoreBuilder::create(file_system, new_directory, options.segment_size,
                                                             lead.to_wall(result.summary.newest_time_ms)));
  CopySink copy(table, *builder, lead);
  Inspection again(files, &copy, progress);
  MINIKV_TRY(again.run());
  MINIKV_TRY(copy.status());
  collect_outcome(table, result);
  if (!options.drop_damaged) {
    for (const LostValue& lost : result.lost) MINIKV_TRY(add_lost(*builder, lost));
  }
  MINIKV_TRY(builder->finish(result.next_sequence));
  result.saved_segments = builder->segments();
  result.saved_bytes = builder->bytes();
  builder.reset();  // its lock
  MINIKV_TRY(check(file_system, new_directory));
  return result;
}

}  // namespace minikv::engine
