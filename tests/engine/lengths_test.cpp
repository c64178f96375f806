// The manifest says how long a file is before it is cut to that: no crash leaves a shorter one, so that a
// shorter one is an unfinished copy, or was cut by somebody else.
#include <algorithm>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "engine/format/manifest.h"
#include "tests/engine/tools_store.h"
#include "tests/support/sim_explorer.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

using engine::Effect;
using engine::Finding;
using engine::FindingKind;
using engine::ManifestSegment;
using engine::SegmentState;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kSegmentHeader = sizeof(engine::SegmentHeader);

// As an earlier version would have left it.
void forget_lengths(SimDisk& disk) {
  engine::Manifest manifest = manifest_of(disk);
  manifest.incompat_features &= ~engine::kFeatureLengths;
  const std::string encoded = engine::encode_manifest(manifest);
  const std::string path = path_of("MANIFEST");
  for (const std::uint64_t offset : {std::uint64_t{0}, disk.size(path) / 2})
    disk.overwrite(path, offset, encoded);
}

// A store whose log has sealed segments, compacted ones, an active one that is in use and a spare.
class LengthsTest : public testing::TestWithParam<bool> {
 protected:
  LengthsTest() : made_(make_store(GetParam(), true)), disk_(made_.disk) {}

  std::string active() const {
    for (const ManifestSegment& entry : manifest_of(disk_).segments) {
      if (entry.state == SegmentState::kActive) return segment_path(id_of(entry));
    }
    return {};
  }
  // Why it does not open; the empty text if it does, and holds what it should.
  std::string problem_of_opening(SimDisk disk, const Options& options = tools_options()) {
    const std::uint64_t before = disk.fingerprint();
    SimRun run(options, std::move(disk));
    const Status opened = run.open();
    if (!opened) {
      EXPECT_EQ(opened.code(), StatusCode::kRefused) << opened.message();
      EXPECT_EQ(run.file_system().disk().fingerprint(), before)
          << "refused, but changed: " << opened.message();
      return opened.message();
    }
    for (const std::string& key : made_.keys) {
      const auto value = run.store()->get(key);
      const auto right = made_.truth.find(key);
      EXPECT_EQ(value.is_ok(), right != made_.truth.end()) << key;
      if (!value || right == made_.truth.end()) continue;
      EXPECT_EQ(value->data, right->second.value) << key;
    }
    return {};
  }

  MadeStore made_;
  SimDisk disk_;
};

INSTANTIATE_TEST_SUITE_P(Stores, LengthsTest, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "Closed" : "Killed"; });

TEST_P(LengthsTest, AFileThatIsShorterThanItWasMadeIsRefusedWithBothLengths) {
  ASSERT_EQ(problem_of_opening(disk_), "");
  std::set<std::string> tried;
  for (const ManifestSegment& entry : manifest_of(disk_).segments) {
    if (entry.state == SegmentState::kDropped) continue;
    const std::string path = segment_path(id_of(entry));
    tried.insert(fmt::format("{} {}", static_cast<int>(entry.kind), static_cast<int>(entry.state)));
    const std::uint64_t lengths[] = {0, 7, kSegmentHeader, entry.size / 2, entry.size - 1};
    for (const std::uint64_t length : lengths) {
      SimDisk cut = disk_;
      cut.cut(path, length);
      EXPECT_THAT(problem_of_opening(std::move(cut)),
                  AllOf(HasSubstr(path), HasSubstr(fmt::format("has {} bytes", length)),
                        HasSubstr(fmt::format("knows of {}", entry.size)), HasSubstr("copy it again"),
                        HasSubstr("minikvd repair")));
    }
  }
  EXPECT_GE(tried.size(), GetParam() ? 3U : 4U) << "sealed, compacted, active and spare ones";
}

TEST_P(LengthsTest, AManifestThatIsShorterThanItWasMadeIsRefused) {
  const std::string path = path_of("MANIFEST");
  const std::uint64_t made = disk_.size(path);
  for (const std::uint64_t length : {made - 1, made / 2 + 4096, made / 2, made / 4, std::uint64_t{5000}}) {
    SimDisk cut = disk_;
    cut.cut(path, length);
    Options options = tools_options();
    std::vector<std::string> log;
    options.log = [&](LogLevel, std::string_view words) { log.emplace_back(words); };
    const std::string problem = problem_of_opening(cut, options);
    EXPECT_THAT(problem, AllOf(HasSubstr(path), HasSubstr(fmt::format("has {} bytes", length))));
    EXPECT_THAT(log, IsEmpty()) << "nothing is written";
    const auto findings = damage_in(cut);
    const Finding* found = find(findings, FindingKind::kShortFile);
    ASSERT_NE(found, nullptr) << describe(findings);
    EXPECT_EQ(found->effect, Effect::kBlocking);
    for (const Finding& finding : findings) EXPECT_THAT(finding.what, Not(HasSubstr("writes"))) << length;
    // What is there of it is all that is needed to save everything.
    const Repaired result = repaired(cut, made_.keys);
    EXPECT_EQ(result.saved, made_.truth) << length;
  }
}

// A copy counts that is there whole, wherever the file ends behind it: the server and verify see the same.
TEST_P(LengthsTest, OfAManifestThatWasCutTheSameCopiesCountForAll) {
  const std::string path = path_of("MANIFEST");
  const std::uint64_t whole = engine::encode_manifest(manifest_of(disk_)).size();
  for (const std::uint64_t length : {whole, whole - 1, std::uint64_t{60}, std::uint64_t{0}}) {
    SimDisk cut = disk_;
    cut.cut(path, length);
    const auto findings = damage_in(cut);
    const bool has_copy = find(findings, FindingKind::kManifest) == nullptr;
    EXPECT_EQ(has_copy, length >= whole);
    EXPECT_THAT(problem_of_opening(cut),
                HasSubstr(has_copy ? fmt::format("has {} bytes", length) : "no copy checks out"));
  }
}

// A store without the feature may have one: the next start makes it as long as it should be.
TEST_P(LengthsTest, AManifestOfAnEarlierVersionThatWasCutIsMadeAnew) {
  const std::string path = path_of("MANIFEST");
  const std::uint64_t made = disk_.size(path);
  for (const std::uint64_t length : {made - 1, made / 2, std::uint64_t{5000}}) {
    SimDisk cut = disk_;
    forget_lengths(cut);
    cut.cut(path, length);
    SimRun run(tools_options(), cut);
    ASSERT_EQ(run.open().message(), "") << length;
    EXPECT_EQ(run.file_system().disk().size(path), made);
    EXPECT_EQ(find(damage_in(run.file_system().disk()), FindingKind::kManifestCopy), nullptr);
    run.kill();
    EXPECT_EQ(problem_of_opening(run.file_system().disk()), "") << length;
  }
}

TEST_P(LengthsTest, AHintThatIsShorterThanItWasMadeIsNotUsed) {
  for (const std::string& path : disk_.files()) {
    if (!path.ends_with(".hint")) continue;
    for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{100}, disk_.size(path) - 1}) {
      SimDisk cut = disk_;
      cut.cut(path, length);
      EXPECT_EQ(problem_of_opening(cut), "") << path << " " << length;
      EXPECT_NE(find(damage_in(cut), FindingKind::kHint), nullptr) << path << " " << length;
    }
  }
}

TEST_P(LengthsTest, WhatWasCutMayBeGivenUpInSoManyWords) {
  Options options = tools_options();
  options.accept_data_loss = true;
  for (const ManifestSegment& entry : manifest_of(disk_).segments) {
    if (entry.state == SegmentState::kDropped) continue;
    disk_.cut(segment_path(id_of(entry)), entry.size / 3);
  }
  SimRun run(options, disk_);
  EXPECT_EQ(run.open().message(), "");
  EXPECT_TRUE(run.store()->set("new", "x"));
  EXPECT_EQ(run.close().message(), "");
}

// An earlier version cuts a log segment when it seals it, and then says so; so does its recovery.
TEST_P(LengthsTest, AStoreThatAnEarlierVersionLeftInTheMiddleOfASealOpens) {
  SimDisk earlier = disk_;
  forget_lengths(earlier);
  for (const ManifestSegment& entry : manifest_of(disk_).segments) {
    const bool is_log = entry.state == SegmentState::kActive || entry.state == SegmentState::kSpare;
    if (!is_log) continue;
    std::string contents = disk_.contents(segment_path(id_of(entry)));
    contents.resize(std::max<std::size_t>((contents.find_last_not_of('\0') / 8 + 1) * 8, kSegmentHeader));
    earlier.cut(segment_path(id_of(entry)), contents.size());
  }
  EXPECT_EQ(damage_in(earlier).size(), 0U) << describe(damage_in(earlier));
  Options options = tools_options();
  std::vector<std::string> log;
  options.log = [&](LogLevel, std::string_view words) { log.emplace_back(words); };
  const auto told = [&] {
    return std::count_if(log.begin(), log.end(), [](const std::string& line) {
      return line.find("knows the lengths of files") != std::string::npos;
    });
  };
  EXPECT_EQ(problem_of_opening(earlier, options), "");
  EXPECT_EQ(told(), 1);
  // From the first start on they are known.
  SimRun run(options, earlier);
  ASSERT_TRUE(run.open().is_ok());
  EXPECT_TRUE(manifest_of(run.file_system().disk()).knows_lengths());
  run.kill();
  log.clear();
  ASSERT_EQ(run.open().message(), "");
  EXPECT_EQ(told(), 0);
  ASSERT_TRUE(run.store()->set("in the log", "x"));
  run.kill();
  SimDisk cut = run.file_system().disk();
  for (const ManifestSegment& entry : manifest_of(cut).segments) {
    if (entry.state == SegmentState::kActive) cut.cut(segment_path(id_of(entry)), kSegmentHeader);
  }
  EXPECT_THAT(problem_of_opening(cut), HasSubstr("has 64 bytes"));
}

// `minikvd repair` is the way back.
TEST_P(LengthsTest, ARepairedStoreUsesNoFeatureThatAnEarlierVersionDoesNotKnow) {
  SimFileSystem file_system(disk_);
  ASSERT_TRUE(engine::repair_store(file_system, kStoreDirectory, kNewDirectory, {}, {}).is_ok());
  const auto manifest =
      engine::decode_manifest(file_system.disk().contents(std::string(kNewDirectory) + "/MANIFEST"));
  ASSERT_TRUE(manifest.is_ok());
  EXPECT_EQ(manifest->incompat_features, 0U);
}

TEST_P(LengthsTest, ASealedSegmentThatWasNotCutYetIsNoDamageAndIsCutByTheNextStart) {
  const ManifestSegment entry = sealed_log(disk_);
  const std::string path = segment_path(id_of(entry));
  for (const std::string& tail : {std::string(600, '\0'), "torn" + std::string(100, 'x')}) {
    SimDisk longer = disk_;
    longer.put(path, disk_.contents(path) + tail);
    EXPECT_THAT(damage_in(longer), IsEmpty());
    const auto notes = damage_in(longer, true);
    EXPECT_NE(find(notes, FindingKind::kSegmentSize), nullptr) << describe(notes);
    SimRun run(tools_options(), longer);
    ASSERT_EQ(run.open().message(), "");
    EXPECT_EQ(run.file_system().disk().size(path), entry.size);
    ASSERT_EQ(run.close().message(), "");
    EXPECT_EQ(problem_of_opening(run.file_system().disk()), "");
  }
}

TEST(CutFileTest, VerifySaysWhatACutLogCostsAndRepairSavesTheRest) {
  const MadeStore made = make_store(false, true);
  ManifestSegment active{};
  for (const ManifestSegment& entry : manifest_of(made.disk).segments) {
    if (entry.state == SegmentState::kActive) active = entry;
  }
  ASSERT_NE(active.id, 0U);
  SimDisk cut = made.disk;
  cut.cut(segment_path(id_of(active)), kSegmentHeader + 100);
  const auto findings = damage_in(cut);
  const Finding* found = find(findings, FindingKind::kShortFile);
  ASSERT_NE(found, nullptr) << describe(findings);
  EXPECT_EQ(found->effect, Effect::kNameless);
  EXPECT_EQ(found->first_sequence, active.min_seq) << "all of its writes are gone";
  EXPECT_EQ(found->last_sequence, 0U);
  EXPECT_EQ(found->offset, kSegmentHeader + 100);
  EXPECT_THAT(found->what, HasSubstr(fmt::format("{}", active.size)));

  const Repaired result = repaired(cut, made.keys);
  EXPECT_FALSE(result.report.is_clean());
  EXPECT_EQ(result.report.saved_keys, result.saved.size());
  EXPECT_GT(result.report.saved_keys, 3U);
  EXPECT_EQ(result.report.doubtful_keys, result.report.saved_keys) << "each may have had a newer value there";
  EXPECT_GT(result.next_version, made.truth.at("last").version);
}

// ---- a crash at each call ----

void explore(SimRun& run, const Options& options, const char* what) {
  const auto points = run.take_crash_points();
  ASSERT_FALSE(points.empty());
  Explorer explorer(options);
  explorer.explore(points,
                   {.tears = 2, .random = scaled_rounds(8), .seed = test_seed(1), .depth = 2, .stride = 53});
  std::cout << what << ": " << points.size() << " crash points, " << explorer.summary() << "\n";
  EXPECT_THAT(explorer.failures(), IsEmpty());
}

// Frames that can't be written: zeros take their place, or, where these can't be written either, the segment
// is cut. All of it while the disk holds a group that was refused.
TEST(CutFileTest, AWriteThatFailsLeavesNoShortFileWhereverItCrashes) {
  for (const SimFault fault : {SimFault::kHalfIoError, SimFault::kIoError, SimFault::kHalfDiskFull}) {
    for (int failing : {1, 2}) {
      SimRun run;
      run.note_crash_points();
      ASSERT_TRUE(run.open().is_ok());
      for (int i = 0; i < 12; ++i) {
        int left = i % 3 == 1 ? failing : 0;
        run.set_judge([&](const SimCall& call) {
          const bool is_log = call.kind == SimCall::Kind::kWrite && call.path.ends_with(".dat");
          if (!is_log || left == 0) return SimFault::kNone;
          --left;
          return fault;
        });
        const Status written =
            run.write({{fmt::format("key{}", i % 5), std::string(700, static_cast<char>('a' + i))}});
        EXPECT_EQ(written.is_ok(), i % 3 != 1) << written.message();
        run.set_judge(nullptr);
      }
      EXPECT_FALSE(run.store()->stats().read_only);
      EXPECT_EQ(run.check(), "");
      EXPECT_EQ(run.close().message(), "");
      explore(run, sim_options(), failing == 1 ? "zeros" : "cut");
    }
  }
}

TEST(CutFileTest, AFullDiskLeavesNoShortFileWhereverItCrashes) {
  Options options = sim_options();
  options.compaction_threshold = 0;
  for (const std::uint64_t room :
       {std::uint64_t{0}, std::uint64_t{700}, std::uint64_t{3000}, std::uint64_t{9000}}) {
    SimRun run(options);
    run.note_crash_points();
    ASSERT_TRUE(run.open().is_ok());
    for (int i = 0; i < 6; ++i)
      ASSERT_TRUE(run.write({{fmt::format("key{}", i), std::string(900, 'b')}}).is_ok());
    const auto fill = [&](std::uint64_t more) {
      std::uint64_t used = 0;
      const SimDisk disk = run.file_system().disk();
      for (const std::string& path : disk.files()) used += disk.size(path);
      run.file_system().set_capacity(used + more);
    };
    fill(room);
    for (int i = 0; i < 12; ++i) {
      (void)run.write({{fmt::format("more{}", i), std::string(500, static_cast<char>('A' + i))}});
      (void)run.write({{fmt::format("key{}", i % 6), std::nullopt}});
    }
    ASSERT_EQ(run.check(), "") << room;
    ASSERT_EQ(run.close().message(), "") << room;
    // Full to the last byte, closed in order and then killed.
    for (int round = 0; round < 3; ++round) {
      fill(0);
      ASSERT_EQ(run.open().message(), "") << room;
      ASSERT_EQ(run.check(), "") << room;
      (void)run.write({{"again", std::string(300, 'x')}});
      (void)run.write({{fmt::format("more{}", round), std::nullopt}});
      ASSERT_EQ(run.check(), "") << room;
      if (round == 1) {
        run.kill();
      } else {
        ASSERT_EQ(run.close().message(), "") << room;
      }
    }
    explore(run, options, "full disk");
  }
}

}  // namespace
}  // namespace minikv::sim
