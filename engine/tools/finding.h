// The findings of the offline tools about a store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/layout.h"
#include "engine/tools/tolerant_file.h"

namespace minikv::engine {

enum class FindingKind : std::uint8_t {
  kManifestCopy,    // one of the two copies
  kManifest,        // both copies, or the file is missing
  kMissingSegment,  // the manifest names it, and it is not there
  kForeignFile,     // not of this store
  kLeftover,        // of work that was cut short
  kKeptAside,       // a .cut file
  kSegmentHeader,   // does not check out
  kForeignSegment,  // sound, and of another store or another incarnation of this one
  kSegmentSize,     // longer than the manifest says
  kShortFile,       // shorter than it was made
  kUnreadable,      // the disk refuses to read it
  kDamagedBytes,    // no frame header and no record that checks out
  kDamagedRecord,   // a record whose own header or key is damaged, and which its hint names
  kDamagedValue,    // a record whose value does not check out
  kPadding,         // bytes without a meaning, which are not as they were written
  kSequence,        // sequence numbers against the rules
  kUnknownRecord,   // of a type, or with flags, that this version does not know
  kTornTail,        // the end of the log, cut short by a crash
  kTornRecord,      // a record in a torn tail
  kLostKey,         // named as lost by an earlier start
  kMissingValue,    // another record of the key tells of a value that is not there
  kHint,            // a hint does not check out, or not with its segment
};
std::string_view name_of(FindingKind kind);  // "damaged-value"

enum class Effect : std::uint8_t {
  kNote,         // no damage
  kNothingLost,  // damage, but what it concerns is known otherwise or has no meaning
  kSuperseded,   // it concerns an old record of a key that has a newer one
  kKeyLost,      // the newest value of `key` is lost
  kNameless,     // it can't be told which keys are concerned
  kAccepted,     // as kNameless, but a start has accepted it: minikvd opens the store
  kBlocking,     // nothing is lost, but minikvd refuses to open the store
};
std::string_view name_of(Effect effect);     // "key-lost"
std::string_view meaning_of(Effect effect);  // a sentence for people

std::string_view name_of(RecordType type);  // "put"; "unknown"

struct Finding {
  FindingKind kind = FindingKind::kManifest;
  Effect effect = Effect::kNote;
  std::string what;    // a sentence for people; names neither file, offset nor key
  std::string file{};  // within the store's directory
  bool has_offset = false;
  std::uint64_t offset = 0;  // if has_offset
  std::uint64_t length = 0;  // 0: not known
  bool has_key = false;
  std::string key{};
  RecordType type = RecordType::kPut;  // if has_key
  // Of the records concerned; 0 and 0: not known.
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;

  bool is_damage() const { return effect != Effect::kNote; }
};

Finding unreadable_finding(const std::string& file, const ByteRange& range);

}  // namespace minikv::engine
