// The simulated disk itself: what a crash may leave and what it may not, and that every fault is as ordered.
#include "tests/support/sim_file_system.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minikv::sim {
namespace {

using engine::File;
using engine::OpenMode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr int kRandomCrashes = 300;

class SimFileSystemTest : public ::testing::Test {
 protected:
  SimFileSystemTest() { EXPECT_TRUE(fs_.create_dir("d").is_ok()); }

  std::unique_ptr<File> create(const std::string& name) { return *fs_.open("d/" + name, OpenMode::kCreate); }
  // Created, its entry and its contents durable.
  std::unique_ptr<File> create_durable(const std::string& name, const std::string& contents) {
    auto file = create(name);
    EXPECT_TRUE(write(*file, 0, contents).is_ok());
    EXPECT_TRUE(file->sync().is_ok());
    EXPECT_TRUE(fs_.sync_dir("d").is_ok());
    return file;
  }
  static Status write(File& file, std::uint64_t offset, std::string_view bytes) {
    return file.write(offset, {&bytes, 1});
  }
  static std::string read(const File& file) {
    std::string bytes(*file.size(), '\0');
    EXPECT_TRUE(file.read(0, bytes).is_ok());
    return bytes;
  }
  // All that different power cuts leave of a file; "(gone)" if it is not there.
  std::set<std::string> after_random_crashes(const std::string& name) {
    std::set<std::string> seen;
    for (int seed = 0; seed < kRandomCrashes; ++seed) {
      const SimDisk left = fs_.disk().after_crash(CrashMode::kRandom, static_cast<std::uint64_t>(seed));
      seen.insert(left.exists("d/" + name) ? left.contents("d/" + name) : "(gone)");
    }
    return seen;
  }

  SimFileSystem fs_;
};

std::string sectors(std::string_view letters) {
  std::string bytes;
  for (const char letter : letters) bytes += std::string(kSectorBytes, letter);
  return bytes;
}

TEST_F(SimFileSystemTest, WhatWasSyncedSurvives) {
  create_durable("a", "synced");
  EXPECT_FALSE(fs_.disk().has_pending());
  EXPECT_EQ(fs_.disk().after_crash(CrashMode::kDropAll).contents("d/a"), "synced");
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("synced"));
}

TEST_F(SimFileSystemTest, WhatWasNotSyncedMayBeLostAndMayBeKept) {
  auto file = create_durable("a", "old");
  ASSERT_TRUE(write(*file, 0, "new").is_ok());
  EXPECT_TRUE(fs_.disk().has_pending());
  EXPECT_EQ(fs_.disk().after_crash(CrashMode::kDropAll).contents("d/a"), "old");
  EXPECT_EQ(fs_.disk().after_crash(CrashMode::kKeepAll).contents("d/a"), "new");
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("new", "old"));
}

TEST_F(SimFileSystemTest, SectorsSurviveEachByItself) {
  auto file = create_durable("a", sectors("abc"));
  ASSERT_TRUE(write(*file, 0, sectors("ABC")).is_ok());
  std::set<std::string> all;
  for (const char first : {'a', 'A'}) {
    for (const char second : {'b', 'B'}) {
      for (const char third : {'c', 'C'}) all.insert(sectors(std::string{first, second, third}));
    }
  }
  EXPECT_EQ(after_random_crashes("a"), all);
}

TEST_F(SimFileSystemTest, ASectorHasAContentThatItHadOnce) {
  auto file = create_durable("a", "......");
  ASSERT_TRUE(write(*file, 0, "11").is_ok());
  ASSERT_TRUE(write(*file, 2, "22").is_ok());  // never without the write before: they share a sector
  ASSERT_TRUE(write(*file, 4, "33").is_ok());
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("......", "11....", "1122..", "112233"));
}

TEST_F(SimFileSystemTest, AnExtensionSurvivesOrNotAndItsDataMayBeZeros) {
  auto file = create_durable("a", sectors("a"));
  ASSERT_TRUE(write(*file, kSectorBytes, sectors("b")).is_ok());
  const std::string zeros(kSectorBytes, '\0');
  EXPECT_THAT(after_random_crashes("a"),
              UnorderedElementsAre(sectors("a"), sectors("a") + zeros, sectors("ab")));
}

TEST_F(SimFileSystemTest, ALongExtensionMaySurviveInPart) {
  auto file = create_durable("a", "");
  ASSERT_TRUE(write(*file, 0, sectors("xxxx")).is_ok());
  std::set<std::size_t> sizes;
  for (const std::string& contents : after_random_crashes("a")) sizes.insert(contents.size());
  EXPECT_THAT(sizes, ElementsAre(0, 512, 1024, 1536, 2048));
}

TEST_F(SimFileSystemTest, ATruncationIsPendingToo) {
  auto file = create_durable("a", "0123456789");
  ASSERT_TRUE(file->truncate(4).is_ok());
  EXPECT_EQ(read(*file), "0123");
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("0123", "0123456789"));
  ASSERT_TRUE(file->sync().is_ok());
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("0123"));
}

TEST_F(SimFileSystemTest, TearLastKeepsAllButAPartOfTheLastChange) {
  auto file = create_durable("a", sectors("..."));
  ASSERT_TRUE(write(*file, 0, sectors("1")).is_ok());
  ASSERT_TRUE(write(*file, kSectorBytes, sectors("22")).is_ok());
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    seen.insert(fs_.disk().after_crash(CrashMode::kTearLast, seed).contents("d/a"));
  }
  EXPECT_THAT(seen, ElementsAre(sectors("1.."), sectors("12."), sectors("122")));
}

TEST_F(SimFileSystemTest, AnEntryThatWasNotSyncedTakesTheFileWithIt) {
  auto file = create("a");
  ASSERT_TRUE(write(*file, 0, "text").is_ok());
  ASSERT_TRUE(file->sync().is_ok());
  EXPECT_FALSE(fs_.disk().after_crash(CrashMode::kDropAll).exists("d/a"));
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("(gone)", "text"));
}

TEST_F(SimFileSystemTest, ARenameThatWasNotSyncedShowsTheOldNames) {
  create_durable("to", "old");
  create_durable("from", "new");
  ASSERT_TRUE(fs_.rename("d/from", "d/to").is_ok());
  const SimDisk before = fs_.disk().after_crash(CrashMode::kDropAll);
  EXPECT_EQ(before.contents("d/to"), "old");
  EXPECT_EQ(before.contents("d/from"), "new");
  EXPECT_THAT(after_random_crashes("to"), ElementsAre("new", "old"));
  ASSERT_TRUE(fs_.sync_dir("d").is_ok());
  EXPECT_THAT(after_random_crashes("to"), ElementsAre("new"));
  EXPECT_THAT(after_random_crashes("from"), ElementsAre("(gone)"));
}

TEST_F(SimFileSystemTest, ARenameWithoutASyncOfTheFileMayLeaveItEmpty) {
  auto file = create("from");
  ASSERT_TRUE(write(*file, 0, "new").is_ok());
  ASSERT_TRUE(fs_.rename("d/from", "d/to").is_ok());
  ASSERT_TRUE(fs_.sync_dir("d").is_ok());
  EXPECT_THAT(after_random_crashes("to"), UnorderedElementsAre("", std::string(3, '\0'), "new"));
}

TEST_F(SimFileSystemTest, ARemovalThatWasNotSyncedIsTakenBack) {
  create_durable("a", "text");
  ASSERT_TRUE(fs_.remove("d/a").is_ok());
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("(gone)", "text"));
  ASSERT_TRUE(fs_.sync_dir("d").is_ok());
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("(gone)"));
}

TEST_F(SimFileSystemTest, EntriesSurviveEachByItselfButANameInOrder) {
  for (const char* name : {"a", "b"}) {
    create(name);
    ASSERT_TRUE(fs_.rename(std::string("d/") + name, std::string("d/") + name + "2").is_ok());
  }
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 0; seed < kRandomCrashes; ++seed) {
    seen.insert(fs_.disk().after_crash(CrashMode::kRandom, seed).files());
  }
  EXPECT_EQ(seen.size(), 9U);  // each of the two: not there, under its first name, under its second
}

TEST_F(SimFileSystemTest, CrashesAreRepeatable) {
  auto file = create_durable("a", sectors("........"));
  ASSERT_TRUE(write(*file, 0, sectors("xxxxxxxx")).is_ok());
  const SimDisk disk = fs_.disk();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(disk.after_crash(CrashMode::kRandom, seed).contents("d/a"),
              disk.after_crash(CrashMode::kRandom, seed).contents("d/a"));
  }
}

TEST_F(SimFileSystemTest, SnapshotsAreIndependent) {
  auto file = create_durable("a", "one");
  const SimDisk before = fs_.disk();
  ASSERT_TRUE(write(*file, 0, "two").is_ok());
  SimDisk meddled = fs_.disk();
  meddled.flip_bit("d/a", 0, 0);
  EXPECT_EQ(before.contents("d/a"), "one");
  EXPECT_EQ(read(*file), "two");
  EXPECT_EQ(meddled.contents("d/a"), "uwo");
  meddled.cut("d/a", 1);
  EXPECT_EQ(meddled.contents("d/a"), "u");
  meddled.put("d/b", "made");
  EXPECT_THAT(meddled.files(), ElementsAre("d/a", "d/b"));
  meddled.erase("d/a");
  EXPECT_THAT(meddled.after_crash(CrashMode::kDropAll).files(), ElementsAre("d/b"));
}

TEST_F(SimFileSystemTest, FromTheCrashOnEverythingFailsAndNothingChanges) {
  auto file = create_durable("a", sectors(".."));
  fs_.crash_at_call(fs_.calls() + 2);
  ASSERT_TRUE(write(*file, 0, sectors("1")).is_ok());
  const Status status = write(*file, kSectorBytes, sectors("2"));
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_THAT(status.message(), HasSubstr("write d/a 512+512 (simulated crash)"));
  EXPECT_FALSE(write(*file, 0, sectors("9")).is_ok());
  EXPECT_FALSE(file->sync().is_ok());
  EXPECT_FALSE(file->size().is_ok());
  EXPECT_FALSE(fs_.remove("d/a").is_ok());
  EXPECT_FALSE(fs_.open("d/b", OpenMode::kCreate).is_ok());
  EXPECT_FALSE(fs_.list("d").is_ok());
  EXPECT_EQ(fs_.disk().after_crash(CrashMode::kDropAll).contents("d/a"), sectors(".."));
  EXPECT_EQ(fs_.disk().after_crash(CrashMode::kKeepAll).contents("d/a"), sectors("12"));
  EXPECT_THAT(after_random_crashes("a"),
              UnorderedElementsAre(sectors(".."), sectors("1."), sectors(".2"), sectors("12")));
}

TEST_F(SimFileSystemTest, ACrashInASyncPromisesNothing) {
  auto file = create_durable("a", "old");
  ASSERT_TRUE(write(*file, 0, "new").is_ok());
  fs_.crash_at_call(fs_.calls() + 1);
  EXPECT_FALSE(file->sync().is_ok());
  EXPECT_THAT(after_random_crashes("a"), ElementsAre("new", "old"));
}

TEST_F(SimFileSystemTest, EveryChangingCallLeavesASnapshotOfItsMiddle) {
  fs_.record_snapshots();
  auto file = create("a");
  ASSERT_TRUE(write(*file, 0, "text").is_ok());
  ASSERT_TRUE(file->sync().is_ok());
  ASSERT_TRUE(fs_.sync_dir("d").is_ok());
  EXPECT_EQ(read(*file), "text");
  const auto snapshots = fs_.take_snapshots();
  ASSERT_EQ(snapshots.size(), 4U);
  EXPECT_EQ(snapshots[1].call.describe(), "call 3: write d/a 0+4");
  EXPECT_EQ(snapshots[1].disk.after_crash(CrashMode::kKeepAll).contents("d/a"), "text");
  EXPECT_FALSE(snapshots[3].disk.after_crash(CrashMode::kDropAll).exists("d/a"));
  EXPECT_EQ(fs_.disk().after_crash(CrashMode::kDropAll).contents("d/a"), "text");
}

TEST_F(SimFileSystemTest, OneCallFails) {
  auto file = create_durable("a", "old");
  fs_.fail_call(fs_.calls() + 1, SimFault::kIoError);
  EXPECT_EQ(write(*file, 0, "new").code(), StatusCode::kIoError);
  EXPECT_EQ(read(*file), "old");
  fs_.fail_call(fs_.calls() + 1, SimFault::kDiskFull);
  EXPECT_EQ(write(*file, 0, "new").code(), StatusCode::kDiskFull);
  fs_.fail_call(fs_.calls() + 1, SimFault::kHalfDiskFull);
  EXPECT_EQ(write(*file, 0, "1234").code(), StatusCode::kDiskFull);
  EXPECT_EQ(read(*file), "12d");
  fs_.fail_call(fs_.calls() + 1, SimFault::kDoneIoError);
  EXPECT_EQ(fs_.remove("d/a").code(), StatusCode::kIoError);
  EXPECT_FALSE(fs_.disk().exists("d/a"));
}

TEST_F(SimFileSystemTest, AJudgeSeesEveryCall) {
  auto file = create_durable("a", "old");
  fs_.set_judge([](const SimCall& call) {
    return call.kind == SimCall::Kind::kRename ? SimFault::kIoError : SimFault::kNone;
  });
  EXPECT_FALSE(fs_.rename("d/a", "d/b").is_ok());
  EXPECT_TRUE(write(*file, 0, "new").is_ok());
  fs_.clear_faults();
  EXPECT_TRUE(fs_.rename("d/a", "d/b").is_ok());
}

TEST_F(SimFileSystemTest, AfterAFailedSyncALaterOneSavesNothingOfWhatWasBefore) {
  auto file = create_durable("a", sectors("..."));
  ASSERT_TRUE(write(*file, 0, sectors("1")).is_ok());
  fs_.fail_syncs_from(fs_.calls() + 1);
  EXPECT_EQ(file->sync().code(), StatusCode::kIoError);
  fs_.clear_faults();
  ASSERT_TRUE(write(*file, kSectorBytes, sectors("2")).is_ok());
  ASSERT_TRUE(file->sync().is_ok());
  EXPECT_EQ(read(*file), sectors("12."));
  EXPECT_THAT(after_random_crashes("a"), UnorderedElementsAre(sectors(".2."), sectors("12.")));
  // Another process on the same machine is served from the cache, until that is dropped.
  SimFileSystem next(fs_.disk());
  auto reopened = *next.open("d/a", OpenMode::kReadWrite);
  ASSERT_TRUE(reopened->sync().is_ok());
  EXPECT_EQ(read(*reopened), sectors("12."));
  reopened->drop_cache();
  EXPECT_EQ(read(*reopened), sectors(".2."));
}

TEST_F(SimFileSystemTest, AFullDiskTakesWhatFits) {
  auto file = create_durable("a", "0123456789");
  fs_.set_capacity(12);
  EXPECT_EQ(*fs_.free_space("d"), 2U);
  EXPECT_TRUE(write(*file, 0, "ABCDEFGHIJ").is_ok());  // needs no room
  EXPECT_EQ(write(*file, 8, "12345678").code(), StatusCode::kDiskFull);
  EXPECT_EQ(read(*file), "ABCDEFGH1234");
  ASSERT_TRUE(file->truncate(0).is_ok());
  EXPECT_TRUE(write(*file, 0, "again").is_ok());
}

TEST_F(SimFileSystemTest, BadPagesFailOnlyWhoTouchesThem) {
  auto file = create_durable("a", std::string(20'000, 'x'));
  auto mapping = *file->map(20'000);
  fs_.fail_reads_of("d/a", 4096, 4096);
  std::string out(100, '\0');
  EXPECT_EQ(mapping->copy(4090, out).code(), StatusCode::kIoError);
  EXPECT_EQ(file->read(8191, out).code(), StatusCode::kIoError);
  EXPECT_TRUE(mapping->copy(8192, out).is_ok());
  EXPECT_TRUE(file->read(3996, out).is_ok());
}

TEST_F(SimFileSystemTest, LocksEndWithTheMachine) {
  auto held = fs_.lock("d/LOCK");
  ASSERT_TRUE(held.is_ok());
  SimFileSystem next(fs_.disk());
  EXPECT_TRUE(next.lock("d/LOCK").is_ok());
  EXPECT_EQ(fs_.lock("d/LOCK").code(), StatusCode::kLocked);
}

TEST_F(SimFileSystemTest, ADirectoryIsDurableWhenCreateDirReturns) {
  EXPECT_EQ(SimFileSystem(fs_.disk().after_crash(CrashMode::kDropAll)).list("d").code(), StatusCode::kOk);
  fs_.crash_at_call(fs_.calls() + 1);
  EXPECT_FALSE(fs_.create_dir("e").is_ok());
  EXPECT_EQ(SimFileSystem(fs_.disk().after_crash(CrashMode::kDropAll)).list("e").code(),
            StatusCode::kNotFound);
  EXPECT_EQ(SimFileSystem(fs_.disk().after_crash(CrashMode::kKeepAll)).list("e").code(), StatusCode::kOk);
}

}  // namespace
}  // namespace minikv::sim
