// Small stores for the tests of the offline tools, and what they must be able to say about them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/tools/repair.h"
#include "engine/tools/verify.h"
#include "minikv/store.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {

inline constexpr const char* kNewDirectory = "new";

// What the store answers for a key.
struct KeyFacts {
  std::string value;
  std::uint64_t version = 0;
  std::int64_t expiry_ms = 0;
  bool operator==(const KeyFacts&) const = default;
};
using Facts = std::map<std::string, KeyFacts>;

struct MadeStore {
  SimDisk disk;
  Facts truth;
  Facts before_last_write;
  std::set<std::string> keys;                   // all that were ever written
  std::map<std::string, std::uint64_t> newest;  // of each key: the sequence of the newest record about it
};

std::string path_of(const std::string& name);
std::string segment_path(engine::SegmentId id);

Options tools_options();

// Compacted and log segments, with overwritten and deleted keys in all of them, expiries, a batch, an empty
// key, a prefix that was removed. Closed in order, or killed with its last write not yet known to be durable.
// With a hint for every sealed segment, or none.
MadeStore make_store(bool closed, bool with_hints);

// A record, as the tools see it.
struct SeenRecord {
  std::string file;  // with its directory
  std::uint64_t offset = 0;
  std::uint64_t value_offset = 0;
  std::uint64_t end = 0;
  engine::RecordHeader header{};
  std::string key;
  std::string range_end;  // of a range delete, whose key is where it begins; empty: no end
};
// In the order of a dump.
std::vector<SeenRecord> records_of(const SimDisk& disk);
// The newest record of that type of the key.
SeenRecord newest(const SimDisk& disk, const std::string& key,
                  engine::RecordType type = engine::RecordType::kPut);

engine::Manifest manifest_of(const SimDisk& disk);
// The newest sealed log segment.
engine::ManifestSegment sealed_log(const SimDisk& disk);

engine::Verification verified(const SimDisk& disk);
// Findings that are damage; with notes: all.
std::vector<engine::Finding> damage_in(const SimDisk& disk, bool with_notes = false);

const engine::Finding* find(const std::vector<engine::Finding>& findings, engine::FindingKind kind);
std::string describe(const std::vector<engine::Finding>& findings);

// A repair, and the new store's answers. Fails the test if the old store was touched or the new one does not
// open.
struct Repaired {
  engine::Repair report;
  Facts saved;
  std::set<std::string> corrupt;  // keys that answer kCorruption
  std::uint64_t next_version = 0;
};
Repaired repaired(const SimDisk& disk, const std::set<std::string>& keys, bool drop_damaged = false);

}  // namespace minikv::sim
