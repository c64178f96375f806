// Verify finds what is wrong with a store, names it, says what it means, and changes nothing.
#include <algorithm>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/segment/segment.h"
#include "tests/engine/tools_store.h"

namespace minikv::sim {
namespace {

using engine::Effect;
using engine::Finding;
using engine::FindingKind;
using engine::RecordType;
using testing::IsEmpty;
using testing::SizeIs;

// How the store was made.
struct Make {
  bool closed;
  bool with_hints;
};

class ToolsVerifyTest : public testing::TestWithParam<Make> {
 protected:
  ToolsVerifyTest() : made_(make_store(GetParam().closed, GetParam().with_hints)), disk_(made_.disk) {}

  MadeStore made_;
  SimDisk disk_;
};

INSTANTIATE_TEST_SUITE_P(Stores, ToolsVerifyTest,
                         testing::Values(Make{true, true}, Make{true, false}, Make{false, true},
                                         Make{false, false}),
                         [](const auto& instance) {
                           return fmt::format("{}{}", instance.param.closed ? "Closed" : "Killed",
                                              instance.param.with_hints ? "WithHints" : "WithoutHints");
                         });

TEST_P(ToolsVerifyTest, FindsNothingWrongWithASoundStore) {
  const auto verification = verified(disk_);
  EXPECT_TRUE(verification.is_clean()) << describe(verification.findings);
  EXPECT_THAT(verification.findings, IsEmpty()) << describe(verification.findings);
  EXPECT_TRUE(verification.was_locked);
  EXPECT_GE(verification.summary.segments, 3U);
  EXPECT_GT(verification.summary.puts, 10U);
  EXPECT_GE(verification.summary.deletes, 3U);
  EXPECT_GE(verification.summary.expires, 1U);
  EXPECT_EQ(verification.summary.newest_sequence, made_.truth.at("last").version);
}

TEST_P(ToolsVerifyTest, NoticesEveryFlippedBitThatMeansAnything) {
  std::uint64_t flips = 0, damaged = 0, torn = 0;
  const std::uint64_t manifest_bytes = engine::encode_manifest(manifest_of(disk_)).size();
  const std::uint64_t stride = scaled_rounds(8) >= 64 ? 1 : 3;
  for (const std::string& path : disk_.files()) {
    const std::uint64_t size = disk_.size(path);
    for (std::uint64_t offset = 0; offset < size; offset += stride) {
      if (path.ends_with("MANIFEST") && offset % (size / 2) >= manifest_bytes) continue;  // never read
      SimDisk disk = disk_;
      const auto bit = static_cast<unsigned>(offset * 5 + 3) % 8;
      disk.flip_bit(path, offset, bit);
      const auto findings = damage_in(disk, true);
      ++flips;
      const bool is_damage = std::any_of(findings.begin(), findings.end(),
                                         [](const Finding& finding) { return finding.is_damage(); });
      const Finding* tail = find(findings, FindingKind::kTornTail);
      ASSERT_TRUE(is_damage || tail != nullptr) << path << " bit " << bit << " of byte " << offset;
      ++(is_damage ? damaged : torn);
      const Finding* found = is_damage ? &*std::find_if(findings.begin(), findings.end(),
                                                        [](const Finding& f) { return f.is_damage(); })
                                       : tail;
      ASSERT_EQ(path_of(found->file), path) << describe(findings);
      if (GetParam().with_hints && is_damage && !path.ends_with("MANIFEST")) {
        // The hints have a name for all that is damaged; only of the log's end there is none.
        const auto nameless = std::find_if(findings.begin(), findings.end(),
                                           [](const Finding& f) { return f.effect == Effect::kNameless; });
        if (nameless != findings.end()) {
          ASSERT_FALSE(GetParam().closed) << path << " byte " << offset << describe(findings);
        }
      }
    }
  }
  EXPECT_GT(damaged, 1000U);
  EXPECT_EQ(torn > 0, !GetParam().closed);
  std::cout << flips << " bits flipped: " << damaged << " called damage, " << torn
            << " a torn end of the log\n";
}

TEST_P(ToolsVerifyTest, NamesTheKeyOfADamagedValue) {
  const SeenRecord record = newest(disk_, "key1");
  disk_.flip_bit(record.file, record.value_offset + 17, 3);
  const auto findings = damage_in(disk_);
  ASSERT_THAT(findings, SizeIs(1)) << describe(findings);
  EXPECT_EQ(findings[0].kind, FindingKind::kDamagedValue);
  EXPECT_EQ(findings[0].effect, Effect::kKeyLost);
  EXPECT_EQ(path_of(findings[0].file), record.file);
  EXPECT_EQ(findings[0].offset, record.offset);
  EXPECT_EQ(findings[0].key, "key1");
  EXPECT_EQ(findings[0].first_sequence, record.header.sequence);
}

TEST_P(ToolsVerifyTest, SaysThatADamagedOldValueDoesNotMatter) {
  const SeenRecord old = newest(disk_, "key2");  // deleted later
  disk_.flip_bit(old.file, old.value_offset, 0);
  const auto findings = damage_in(disk_);
  ASSERT_THAT(findings, SizeIs(1)) << describe(findings);
  EXPECT_EQ(findings[0].effect, Effect::kSuperseded);
}

TEST_P(ToolsVerifyTest, SaysWhichSequencesAreMissingOrNamesThemByTheHint) {
  const SeenRecord tombstone = newest(disk_, "key2", RecordType::kDelete);
  disk_.flip_bit(tombstone.file, tombstone.offset + 20, 1);
  const auto findings = damage_in(disk_);
  const Finding* bytes = find(findings, FindingKind::kDamagedBytes);
  ASSERT_NE(bytes, nullptr) << describe(findings);
  if (GetParam().with_hints) {
    EXPECT_EQ(bytes->effect, Effect::kNothingLost);
    const Finding* named = find(findings, FindingKind::kDamagedRecord);
    ASSERT_NE(named, nullptr) << describe(findings);
    EXPECT_EQ(named->key, "key2");
    EXPECT_EQ(named->type, RecordType::kDelete);
    EXPECT_EQ(named->effect, Effect::kNothingLost);
  } else {
    EXPECT_EQ(bytes->effect, Effect::kNameless);
    EXPECT_EQ(bytes->offset, tombstone.offset);
    EXPECT_EQ(bytes->first_sequence, tombstone.header.sequence);
    EXPECT_EQ(bytes->last_sequence, tombstone.header.sequence);
  }
}

TEST_P(ToolsVerifyTest, KnowsThatADamagedFrameHeaderCostsNothing) {
  const SeenRecord tombstone = newest(disk_, "key2", RecordType::kDelete);
  disk_.flip_bit(tombstone.file, tombstone.offset - 8, 0);  // in the watermark of its frame
  const auto findings = damage_in(disk_);
  ASSERT_THAT(findings, SizeIs(1)) << describe(findings);
  EXPECT_EQ(findings[0].effect, Effect::kNothingLost);
  EXPECT_EQ(findings[0].length, sizeof(engine::FrameHeader));
}

TEST_P(ToolsVerifyTest, ManifestCopiesAndHeadersAreKnownOtherwise) {
  disk_.flip_bit(segment_path(id_of(sealed_log(disk_))), 9, 2);
  disk_.flip_bit(path_of("MANIFEST"), 40, 2);
  const auto findings = damage_in(disk_);
  ASSERT_THAT(findings, SizeIs(2)) << describe(findings);
  EXPECT_NE(find(findings, FindingKind::kManifestCopy), nullptr);
  EXPECT_NE(find(findings, FindingKind::kSegmentHeader), nullptr);
  for (const Finding& finding : findings) EXPECT_EQ(finding.effect, Effect::kNothingLost);
}

TEST_P(ToolsVerifyTest, ReadsTheSegmentsAllTheSameWithoutAManifest) {
  for (const std::uint64_t offset : {std::uint64_t{40}, disk_.size(path_of("MANIFEST")) / 2 + 40}) {
    disk_.flip_bit(path_of("MANIFEST"), offset, 2);
  }
  const auto verification = verified(disk_);
  EXPECT_NE(find(verification.findings, FindingKind::kManifest), nullptr);
  EXPECT_EQ(verification.summary.newest_sequence, made_.truth.at("last").version);
  disk_.erase(path_of("MANIFEST"));
  EXPECT_NE(find(damage_in(disk_), FindingKind::kManifest), nullptr);
}

TEST_P(ToolsVerifyTest, AShortOrMissingSegmentIsAPlaceWithoutNamesUnlessItsHintHasThem) {
  const engine::ManifestSegment entry = sealed_log(disk_);
  const std::string path = segment_path(id_of(entry));
  SimDisk cut = disk_;
  cut.cut(path, entry.size / 2);
  auto findings = damage_in(cut);
  const Finding* bytes = find(findings, FindingKind::kShortFile);
  ASSERT_NE(bytes, nullptr) << describe(findings);
  EXPECT_EQ(bytes->effect, GetParam().with_hints ? Effect::kBlocking : Effect::kNameless)
      << describe(findings);
  disk_.erase(path);
  findings = damage_in(disk_);
  const Finding* missing = find(findings, FindingKind::kMissingSegment);
  ASSERT_NE(missing, nullptr) << describe(findings);
  EXPECT_EQ(missing->effect, GetParam().with_hints ? Effect::kBlocking : Effect::kNameless);
  EXPECT_EQ(missing->first_sequence, entry.min_seq);
  EXPECT_EQ(missing->last_sequence, entry.max_seq);
  EXPECT_EQ(find(findings, FindingKind::kDamagedRecord) != nullptr, GetParam().with_hints);
}

TEST_P(ToolsVerifyTest, ForeignFilesAreNamedAndLeftoversAreNoDamage) {
  disk_.put(path_of("notes.txt"), "mine");
  disk_.put(path_of("segment-00000099.dat.tmp"), "cut short");
  disk_.put(path_of("segment-00000001-4096.cut"), "torn");
  disk_.put(path_of("segment-00000099.hint"), "old");
  const auto findings = damage_in(disk_, true);
  ASSERT_THAT(findings, SizeIs(4)) << describe(findings);
  EXPECT_NE(find(findings, FindingKind::kKeptAside), nullptr);
  const Finding* foreign = find(findings, FindingKind::kForeignFile);
  ASSERT_NE(foreign, nullptr);
  EXPECT_EQ(foreign->file, "notes.txt");
  EXPECT_EQ(foreign->effect, Effect::kBlocking);
  EXPECT_EQ(std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.is_damage(); }),
            1);
}

TEST_P(ToolsVerifyTest, ASegmentOfAnotherStoreIsNotReadAsOneOfThis) {
  const std::string path = segment_path(id_of(sealed_log(disk_)));
  const MadeStore other = make_store(true, false);
  ASSERT_TRUE(other.disk.exists(path));
  disk_.put(path, other.disk.contents(path));
  EXPECT_NE(find(damage_in(disk_), FindingKind::kForeignSegment), nullptr);
}

TEST_P(ToolsVerifyTest, WhatTheDiskRefusesToReadIsNamedAndTheRestIsRead) {
  const SeenRecord bad = newest(disk_, "key1");
  SimFileSystem file_system(disk_);
  file_system.fail_reads_of(bad.file, bad.value_offset, 1);
  auto verification = engine::verify_store(file_system, kStoreDirectory, {});
  ASSERT_TRUE(verification.is_ok()) << verification.status().message();
  const Finding* unreadable = find(verification->findings, FindingKind::kUnreadable);
  ASSERT_NE(unreadable, nullptr) << describe(verification->findings);
  EXPECT_EQ(path_of(unreadable->file), bad.file);
  EXPECT_LE(unreadable->offset, bad.value_offset);
  EXPECT_GT(unreadable->offset + unreadable->length, bad.value_offset);
  EXPECT_EQ(verification->summary.newest_sequence, made_.truth.at("last").version);
}

TEST_P(ToolsVerifyTest, FindsSeveralDamagesAtOnce) {
  const SeenRecord first = newest(disk_, "key1");
  const SeenRecord second = newest(disk_, "key3");
  disk_.flip_bit(first.file, first.value_offset, 0);
  disk_.flip_bit(second.file, second.value_offset, 0);
  disk_.flip_bit(path_of("MANIFEST"), 8, 0);
  disk_.put(path_of("core"), "dumped");
  const auto findings = damage_in(disk_);
  ASSERT_THAT(findings, SizeIs(4)) << describe(findings);
}

TEST_P(ToolsVerifyTest, AStoreThatIsOpenIsRefused) {
  SimFileSystem file_system(disk_);
  auto lock = file_system.lock(path_of("LOCK"));
  ASSERT_TRUE(lock.is_ok());
  EXPECT_EQ(engine::verify_store(file_system, kStoreDirectory, {}).code(), StatusCode::kLocked);
}

TEST_P(ToolsVerifyTest, AStoreThatIsOpenIsRefusedThoughItsLockFileIsGone) {
  disk_.erase(path_of("LOCK"));
  SimFileSystem file_system(disk_);
  auto lock = file_system.lock_directory(kStoreDirectory);
  ASSERT_TRUE(lock.is_ok());
  EXPECT_EQ(engine::verify_store(file_system, kStoreDirectory, {}).code(), StatusCode::kLocked);
}

TEST_P(ToolsVerifyTest, ABackupWithoutALockFileIsReadAndGetsNone) {
  disk_.erase(path_of("LOCK"));
  const auto verification = verified(disk_);
  EXPECT_TRUE(verification.was_locked) << "the directory is";
  EXPECT_TRUE(verification.is_clean()) << describe(verification.findings);
}

}  // namespace
}  // namespace minikv::sim
