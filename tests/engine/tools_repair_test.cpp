// Repair saves all that can be saved, and never a stale value in silence.
#include <algorithm>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "engine/segment/segment.h"
#include "engine/tools/store_builder.h"
#include "tests/engine/tools_store.h"

namespace minikv::sim {
namespace {

using engine::Effect;
using engine::Finding;
using engine::FindingKind;
using engine::RecordType;
using testing::IsEmpty;
using testing::SizeIs;

std::set<std::string> lost_keys(const engine::Repair& repair) {
  std::set<std::string> keys;
  for (const engine::LostValue& lost : repair.lost) keys.insert(lost.key);
  return keys;
}

bool has(const std::vector<Finding>& findings, Effect effect) {
  return std::any_of(findings.begin(), findings.end(),
                     [effect](const Finding& f) { return f.effect == effect; });
}

bool has(const std::vector<Finding>& findings, FindingKind kind) {
  return std::any_of(findings.begin(), findings.end(), [kind](const Finding& f) { return f.kind == kind; });
}

// The report says that records are missing, it can't be told of which keys, and this one may be among them.
bool is_place_without_names(const engine::Repair& report, std::uint64_t sequence) {
  return std::any_of(report.findings.begin(), report.findings.end(), [sequence](const Finding& finding) {
    return finding.effect == Effect::kNameless && finding.first_sequence <= sequence &&
           (finding.last_sequence == 0 || sequence <= finding.last_sequence);
  });
}

// The keys that are not in the new store as they should be, and not lost by name.
std::vector<std::string> wrong_keys(const MadeStore& made, const Facts& truth, const Repaired& repaired) {
  std::vector<std::string> wrong;
  for (const std::string& key : made.keys) {
    const auto right = truth.find(key);
    const auto saved = repaired.saved.find(key);
    const bool is_right = right == truth.end()
                              ? saved == repaired.saved.end()
                              : saved != repaired.saved.end() && right->second == saved->second;
    if (!is_right && !repaired.corrupt.contains(key)) wrong.push_back(key);
  }
  return wrong;
}

// Nothing, or what is wrong with the new store: every key is right, or lost by name, or its newest record is
// among those of which the report says that they are missing without a name. A torn end of the log may have
// taken the last write.
std::string problem_with(const MadeStore& made, const Repaired& repaired) {
  const auto& report = repaired.report;
  if (lost_keys(report) != repaired.corrupt) return "other keys answer an error than those in the report";
  if (repaired.next_version <= made.truth.at("last").version) return "a version may be given twice";
  if (has(report.findings, FindingKind::kTornTail) &&
      wrong_keys(made, made.before_last_write, repaired).empty()) {
    return {};
  }
  for (const std::string& key : wrong_keys(made, made.truth, repaired)) {
    if (!is_place_without_names(report, made.newest.at(key))) {
      return fmt::format("'{}' is stale or absent, and nothing in the report says so", key);
    }
  }
  return {};
}

TEST(ToolsRepairTest, ASoundStoreIsSavedWhole) {
  for (const bool closed : {true, false}) {
    const MadeStore made = make_store(closed, true);
    const Repaired result = repaired(made.disk, made.keys);
    EXPECT_TRUE(result.report.is_clean());
    EXPECT_EQ(result.saved, made.truth);
    EXPECT_THAT(result.corrupt, IsEmpty());
    EXPECT_EQ(result.report.saved_keys, made.truth.size());
    EXPECT_GT(result.next_version, made.truth.at("last").version);
  }
}

class ToolsRepairFlipsTest : public testing::TestWithParam<std::tuple<bool, bool>> {};

INSTANTIATE_TEST_SUITE_P(Stores, ToolsRepairFlipsTest, testing::Combine(testing::Bool(), testing::Bool()),
                         [](const auto& instance) {
                           return fmt::format("{}{}", std::get<0>(instance.param) ? "Closed" : "Killed",
                                              std::get<1>(instance.param) ? "WithHints" : "WithoutHints");
                         });

TEST_P(ToolsRepairFlipsTest, NeverMakeAStaleOrAbsentValueInSilence) {
  const auto [closed, with_hints] = GetParam();
  const MadeStore made = make_store(closed, with_hints);
  std::uint64_t flips = 0, all_saved = 0, named = 0, nameless = 0;
  const std::uint64_t stride = scaled_rounds(8) >= 64 ? 1 : 11;
  for (const std::string& path : made.disk.files()) {
    for (std::uint64_t offset = 0; offset < made.disk.size(path); offset += stride) {
      if (path.ends_with("MANIFEST") && offset % 65536 >= 512) continue;
      SimDisk disk = made.disk;
      const auto bit = static_cast<unsigned>(offset * 3 + 1) % 8;
      disk.flip_bit(path, offset, bit);
      const Repaired result = repaired(disk, made.keys);
      const std::string problem = problem_with(made, result);
      ASSERT_EQ(problem, "") << path << " bit " << bit << " of byte " << offset;
      ++flips;
      if (has(result.report.findings, Effect::kNameless)) {
        ++nameless;
      } else {
        ++(result.report.lost.empty() ? all_saved : named);
      }
      // A hint has all the names of its segment.
      if (closed && with_hints) {
        ASSERT_FALSE(has(result.report.findings, Effect::kNameless)) << path << " " << offset;
      }
    }
  }
  EXPECT_GT(all_saved, 0U);
  EXPECT_GT(named, 0U);
  EXPECT_EQ(nameless == 0, closed && with_hints);
  std::cout << flips << " bits flipped: all keys saved " << all_saved << " times, lost ones named " << named
            << " times, damage without a name " << nameless << " times\n";
}

// Sectors that were lost, or written to the wrong place.
TEST(ToolsRepairTest, ASectorOfZerosOrFromElsewhereNeverMakesAStaleOrAbsentValueInSilence) {
  for (const bool with_hints : {true, false}) {
    const MadeStore made = make_store(true, with_hints);
    std::vector<std::string> sectors = {std::string(kSectorBytes, '\0')};
    for (const std::string& path : made.disk.files()) {
      for (std::uint64_t at = 0; path.ends_with(".dat") && at + kSectorBytes <= made.disk.size(path);
           at += 3 * kSectorBytes) {
        sectors.push_back(made.disk.contents(path).substr(at, kSectorBytes));
      }
    }
    for (const std::string& path : made.disk.files()) {
      if (path.ends_with("MANIFEST")) continue;
      const std::string contents = made.disk.contents(path);
      for (std::uint64_t at = 0; at < contents.size(); at += kSectorBytes) {
        for (const std::string& sector : sectors) {
          const std::string bytes = sector.substr(0, contents.size() - at);
          if (contents.compare(at, bytes.size(), bytes) == 0) continue;
          SimDisk disk = made.disk;
          disk.overwrite(path, at, bytes);
          const Repaired result = repaired(disk, made.keys);
          ASSERT_FALSE(result.report.is_clean()) << path << " at " << at;
          ASSERT_EQ(problem_with(made, result), "") << path << " at " << at;
        }
      }
    }
  }
}

TEST(ToolsRepairTest, ADamagedNewestValueNeverComesBackAsAnOlderOne) {
  const MadeStore made = make_store(true, false);
  SimDisk disk = made.disk;
  const SeenRecord record = newest(disk, "key3");
  disk.flip_bit(record.file, record.value_offset, 0);
  const Repaired kept = repaired(disk, made.keys);
  EXPECT_EQ(kept.corrupt, std::set<std::string>{"key3"});
  ASSERT_THAT(kept.report.lost, SizeIs(1));
  EXPECT_EQ(kept.report.lost[0].sequence, record.header.sequence);
  EXPECT_EQ(kept.report.lost[0].reason, FindingKind::kDamagedValue);
  Facts others = made.truth;
  others.erase("key3");
  EXPECT_EQ(kept.saved, others);

  const Repaired dropped = repaired(disk, made.keys, true);
  EXPECT_THAT(dropped.corrupt, IsEmpty());
  EXPECT_EQ(dropped.saved, others);
  EXPECT_THAT(dropped.report.lost, SizeIs(1));
}

TEST(ToolsRepairTest, AnExpiryOfAValueThatIsGoneNamesTheKey) {
  const MadeStore made = make_store(true, false);
  SimDisk disk = made.disk;
  // key0 is set, is given an expiry, and set again. Without the last write the value that the expiry is for
  // counts.
  const SeenRecord put = newest(disk, "key0");
  const SeenRecord expire = newest(disk, "key0", RecordType::kExpire);
  ASSERT_LT(expire.header.sequence, put.header.sequence);
  std::vector<SeenRecord> all = records_of(disk);
  const auto value = std::find_if(all.begin(), all.end(), [&](const SeenRecord& r) {
    return r.key == "key0" && r.header.type == RecordType::kPut && r.header.version == expire.header.version;
  });
  ASSERT_NE(value, all.end());
  disk.flip_bit(put.file, put.offset + 5, 0);
  disk.flip_bit(value->file, value->offset + 5, 0);
  const Repaired result = repaired(disk, made.keys);
  EXPECT_TRUE(has(result.report.findings, FindingKind::kMissingValue));
  EXPECT_TRUE(lost_keys(result.report).contains("key0"));
  EXPECT_TRUE(result.corrupt.contains("key0"));
}

TEST(ToolsRepairTest, SeveralDamagesCostOnlyWhatTheyHit) {
  const MadeStore made = make_store(true, true);
  SimDisk disk = made.disk;
  Facts others = made.truth;
  for (const char* key : {"key1", "key3"}) {
    const SeenRecord record = newest(made.disk, key);
    disk.flip_bit(record.file, record.value_offset, 0);
    others.erase(key);
  }
  const SeenRecord tombstone = newest(made.disk, "key2", RecordType::kDelete);
  disk.flip_bit(tombstone.file, tombstone.offset + 10, 0);
  disk.flip_bit(path_of("MANIFEST"), 20, 0);
  disk.put(path_of("notes.txt"), "mine");
  const Repaired result = repaired(disk, made.keys);
  EXPECT_EQ(result.corrupt, (std::set<std::string>{"key1", "key3"}));
  EXPECT_EQ(result.saved, others);
  EXPECT_EQ(result.report.doubtful_keys, 0U);
}

TEST(ToolsRepairTest, AMissingSegmentTakesItsKeysAndSaysWhatThatMeans) {
  for (const bool with_hints : {true, false}) {
    const MadeStore made = make_store(true, with_hints);
    for (const engine::ManifestSegment& entry : manifest_of(made.disk).segments) {
      const std::string path = path_of(engine::segment_name(id_of(entry)));
      if (!made.disk.exists(path) || entry.state != engine::SegmentState::kSealed) continue;
      SimDisk disk = made.disk;
      disk.erase(path);
      const Repaired result = repaired(disk, made.keys);
      EXPECT_EQ(problem_with(made, result), "") << path;
      EXPECT_EQ(has(result.report.findings, Effect::kNameless), !with_hints) << path;
    }
  }
}

TEST(ToolsRepairTest, WithoutAManifestTheSegmentsSpeakForThemselves) {
  for (const bool closed : {true, false}) {
    const MadeStore made = make_store(closed, false);
    SimDisk disk = made.disk;
    disk.erase(path_of("MANIFEST"));
    const Repaired result = repaired(disk, made.keys);
    EXPECT_FALSE(result.report.is_clean());
    EXPECT_EQ(result.saved, made.truth);
    EXPECT_GT(result.next_version, made.truth.at("last").version);
  }
}

TEST(ToolsRepairTest, ANewDirectoryThatIsNotEmptyIsRefused) {
  MadeStore made = make_store(true, false);
  made.disk.put(std::string(kNewDirectory) + "/something", "of mine");
  SimFileSystem file_system(made.disk);
  const auto result = engine::repair_store(file_system, kStoreDirectory, kNewDirectory, {}, {});
  EXPECT_EQ(result.code(), StatusCode::kRefused);
  EXPECT_EQ(file_system.disk().contents(std::string(kNewDirectory) + "/something"), "of mine");
  EXPECT_EQ(engine::repair_store(file_system, kStoreDirectory, kStoreDirectory, {}, {}).code(),
            StatusCode::kRefused);
}

TEST(ToolsRepairTest, ARepairThatFailsLeavesNothingThatCouldPassForAStore) {
  const MadeStore made = make_store(true, false);
  SimFileSystem counting(made.disk);
  ASSERT_TRUE(engine::repair_store(counting, kStoreDirectory, kNewDirectory, {}, {}).is_ok());
  std::uint64_t failures = 0;
  for (const SimCall& call : counting.log()) {
    if (!call.changes_disk()) continue;
    SimFileSystem file_system(made.disk);
    file_system.fail_call(call.number, SimFault::kDiskFull);
    const auto result = engine::repair_store(file_system, kStoreDirectory, kNewDirectory, {}, {});
    if (result) continue;  // what failed did not matter
    ++failures;
    for (const std::string& path : file_system.disk().files()) {
      EXPECT_FALSE(path.starts_with(std::string(kNewDirectory) + "/"))
          << path << " after " << call.describe();
    }
  }
  EXPECT_GT(failures, 5U);
}

// A store of records as they are given, in one compacted segment.
SimDisk store_of(const std::vector<engine::NewRecord>& records) {
  SimFileSystem file_system;
  auto builder = engine::StoreBuilder::create(file_system, kStoreDirectory, 4096, 1'700'000'000'000);
  EXPECT_TRUE(builder.is_ok());
  for (const engine::NewRecord& record : records) EXPECT_TRUE((*builder)->add(record).is_ok());
  EXPECT_TRUE((*builder)->finish(1000).is_ok());
  return file_system.disk();
}

engine::NewRecord record_of(RecordType type, std::string_view key, std::string_view value,
                            std::uint64_t sequence) {
  return {type, key, value, value_checksum(value), sequence, sequence, 0};
}

TEST(ToolsRepairTest, DeletedRangesStayDeleted) {
  const SimDisk disk = store_of({
      record_of(RecordType::kPut, "a", "before", 1),
      record_of(RecordType::kPut, "b", "before", 2),
      record_of(RecordType::kRangeDelete, "b", "d", 4),
      record_of(RecordType::kPut, "c", "before", 3),
      record_of(RecordType::kPut, "ca", "behind", 5),
      record_of(RecordType::kPut, "d", "before", 6),
      record_of(RecordType::kRangeDelete, "x", "", 8),
      record_of(RecordType::kPut, "xy", "before", 7),
      record_of(RecordType::kPut, "z", "behind", 9),
  });
  const std::set<std::string> keys = {"a", "b", "c", "ca", "d", "xy", "z"};
  const Repaired result = repaired(disk, keys);
  EXPECT_TRUE(result.report.is_clean());
  std::set<std::string> saved;
  for (const auto& [key, facts] : result.saved) saved.insert(key);
  EXPECT_EQ(saved, (std::set<std::string>{"a", "ca", "d", "z"}));
}

TEST(ToolsRepairTest, KeysThatWereLostBeforeStayLostUntilHealed) {
  const char put = static_cast<char>(RecordType::kPut);
  const std::string_view type(&put, 1);
  engine::NewRecord lost = record_of(RecordType::kLost, "lost", type, 5);
  lost.version = 2;
  engine::NewRecord healed = record_of(RecordType::kLost, "healed", type, 6);
  healed.version = 3;
  const SimDisk disk = store_of({record_of(RecordType::kPut, "lost", "older", 1), lost,
                                 record_of(RecordType::kPut, "healed", "older", 2), healed,
                                 record_of(RecordType::kPut, "healed", "newer", 7)});
  const Repaired result = repaired(disk, {"lost", "healed"});
  EXPECT_EQ(result.corrupt, std::set<std::string>{"lost"});
  EXPECT_EQ(result.saved.at("healed").value, "newer");
  ASSERT_THAT(result.report.lost, SizeIs(1));
  EXPECT_EQ(result.report.lost[0].sequence, 2U);
  EXPECT_EQ(result.report.lost[0].reason, FindingKind::kLostKey);
}

}  // namespace
}  // namespace minikv::sim
