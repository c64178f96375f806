// The words for findings.
#include "engine/tools/finding.h"

namespace minikv::engine {

std::string_view name_of(FindingKind kind) {
  switch (kind) {
    case FindingKind::kManifestCopy: return "manifest-copy";
    case FindingKind::kManifest: return "manifest";
    case FindingKind::kMissingSegment: return "missing-segment";
    case FindingKind::kForeignFile: return "foreign-file";
    case FindingKind::kLeftover: return "leftover";
    case FindingKind::kKeptAside: return "kept-aside";
    case FindingKind::kSegmentHeader: return "segment-header";
    case FindingKind::kForeignSegment: return "foreign-segment";
    case FindingKind::kSegmentSize: return "segment-size";
    case FindingKind::kShortFile: return "short-file";
    case FindingKind::kUnreadable: return "unreadable";
    case FindingKind::kDamagedBytes: return "damaged-bytes";
    case FindingKind::kDamagedRecord: return "damaged-record";
    case FindingKind::kDamagedValue: return "damaged-value";
    case FindingKind::kPadding: return "padding";
    case FindingKind::kSequence: return "sequence";
    case FindingKind::kUnknownRecord: return "unknown-record";
    case FindingKind::kTornTail: return "torn-tail";
    case FindingKind::kTornRecord: return "torn-record";
    case FindingKind::kLostKey: return "lost-key";
    case FindingKind::kMissingValue: return "missing-value";
    case FindingKind::kHint: return "hint";
  }
  return "unknown";
}

std::string_view name_of(Effect effect) {
  switch (effect) {
    case Effect::kNote: return "none";
    case Effect::kNothingLost: return "nothing-lost";
    case Effect::kSuperseded: return "superseded";
    case Effect::kKeyLost: return "key-lost";
    case Effect::kNameless: return "nameless";
    case Effect::kAccepted: return "accepted";
    case Effect::kBlocking: return "blocking";
  }
  return "unknown";
}

std::string_view meaning_of(Effect effect) {
  switch (effect) {
    case Effect::kNote: return "no damage";
    case Effect::kNothingLost: return "nothing is lost by it";
    case Effect::kSuperseded: return "nothing is lost by it: the key has a newer record";
    case Effect::kKeyLost: return "the value is lost: the key answers CORRUPT until it is set or deleted";
    case Effect::kNameless:
      return "it can't be told which keys that concerns: they may be missing, show an older value or be back "
             "although they were deleted; minikvd refuses to open the store";
    case Effect::kAccepted:
      return "it can't be told which keys that concerns, and a start with --accept-data-loss has accepted "
             "it: they may be missing, show an older value or be back although they were deleted; the next "
             "compaction gives up what can't be read";
    case Effect::kBlocking: return "nothing is lost by it, but minikvd refuses to open the store";
  }
  return "";
}

std::string_view name_of(RecordType type) {
  switch (type) {
    case RecordType::kPut: return "put";
    case RecordType::kDelete: return "delete";
    case RecordType::kExpire: return "expire";
    case RecordType::kRangeDelete: return "range-delete";
    case RecordType::kLost: return "lost";
  }
  return "unknown";
}

Finding unreadable_finding(const std::string& file, const ByteRange& range) {
  Finding finding{FindingKind::kUnreadable, Effect::kNothingLost,
                  "the disk refuses to read this; what is lost by it is listed by itself", file};
  finding.has_offset = true;
  finding.offset = range.begin;
  finding.length = range.end - range.begin;
  return finding;
}

}  // namespace minikv::engine
