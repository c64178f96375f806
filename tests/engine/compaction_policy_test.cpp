// Which segments compaction takes: enough to give space back, never so that it would run for ever.

#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/compaction/policy.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kSize = 1000;

SegmentUse segment(std::uint64_t id, std::uint64_t used, std::uint64_t live, std::uint64_t at_birth = 0,
                   SegmentKind kind = SegmentKind::kLog) {
  SegmentUse use;
  use.entry.id = id;
  use.entry.kind = kind;
  use.used_bytes = used;
  use.live_bytes = live;
  use.dead_at_birth_bytes = at_birth;
  return use;
}

std::string ids(const std::vector<ManifestSegment>& segments) {
  std::string joined;
  for (const ManifestSegment& entry : segments) joined += std::to_string(entry.id) + " ";
  return joined;
}

const CompactionPolicy kPolicy{3, 0.5, kSize};

std::string plan(const std::vector<SegmentUse>& sealed, const CompactionPolicy& policy = kPolicy) {
  std::string joined;
  for (const auto& step : plan_full(sealed, policy)) joined += (joined.empty() ? "" : "| ") + ids(step);
  return joined;
}

TEST(CompactionPolicyTest, NothingIsDoneBelowTheThreshold) {
  EXPECT_EQ(ids(pick_for_background({segment(1, 1000, 0), segment(2, 1000, 0)}, kPolicy)), "");
  EXPECT_EQ(
      ids(pick_for_background({segment(1, 1000, 0), segment(2, 1000, 0), segment(3, 1000, 1000)}, kPolicy)),
      "1 2 ");
}

TEST(CompactionPolicyTest, ALossThatWasAcceptedIsGivenUpAtOnceHoweverFewSegmentsThereAre) {
  SegmentUse accepted = segment(2, 1000, 1000, 0, SegmentKind::kCompacted);
  accepted.entry.accepted_loss = 7;
  EXPECT_EQ(ids(pick_for_background({segment(1, 1000, 0), accepted}, kPolicy)), "2 ");
  EXPECT_EQ(plan({accepted}), "2 ");
  CompactionPolicy tight = kPolicy;
  tight.disk_is_tight = true;
  EXPECT_EQ(plan({accepted}, tight), "2 ");
}

TEST(CompactionPolicyTest, ASegmentIsTakenWhenHalfOfItIsDead) {
  EXPECT_EQ(ids(pick_for_background({segment(1, 1000, 900), segment(2, 1000, 500), segment(3, 1000, 901)},
                                    kPolicy)),
            "2 ");
  EXPECT_EQ(ids(pick_for_background({segment(1, 1000, 900), segment(2, 1000, 501), segment(3, 1000, 901)},
                                    kPolicy)),
            "");
}

TEST(CompactionPolicyTest, WhenTheStoreIsMostlyDeadPartlyDeadSegmentsAreTakenToo) {
  EXPECT_EQ(
      ids(pick_for_background({segment(1, 1000, 0), segment(2, 1000, 700), segment(3, 1000, 0)}, kPolicy)),
      "1 3 2 ");
}

TEST(CompactionPolicyTest, WhatCouldNotBeDroppedLastTimeIsNoReasonToTryAgain) {
  const auto compacted = [](std::uint64_t id, std::uint64_t at_birth) {
    return segment(id, 1000, 100, at_birth, SegmentKind::kCompacted);
  };
  EXPECT_EQ(ids(pick_for_background({compacted(1, 900), compacted(2, 900), compacted(3, 900)}, kPolicy)), "");
  EXPECT_EQ(ids(pick_for_background({compacted(1, 900), compacted(2, 100), compacted(3, 900)}, kPolicy)),
            "2 ");
}

TEST(CompactionPolicyTest, ManySmallSegmentsAreFolded) {
  std::vector<SegmentUse> sealed;
  for (std::uint64_t id = 1; id <= 7; ++id) sealed.push_back(segment(id, 100, 100));
  EXPECT_EQ(ids(pick_for_background(sealed, kPolicy)), "");
  sealed.push_back(segment(8, 100, 100));
  EXPECT_EQ(ids(pick_for_background(sealed, kPolicy)), "1 2 3 4 5 6 7 8 ");
}

TEST(CompactionPolicyTest, AStepIsBoundedByWhatItWrites) {
  std::vector<SegmentUse> sealed;
  for (std::uint64_t id = 1; id <= 20; ++id) sealed.push_back(segment(id, 1000, 500));
  EXPECT_EQ(pick_for_background(sealed, kPolicy).size(), 8u);
}

TEST(CompactionPolicyTest, ByHandEverythingIsTakenUnlessItIsCompactAlready) {
  EXPECT_EQ(plan({segment(1, 1000, 1000), segment(2, 50, 50)}), "1 2 ");
  const auto full = segment(1, 1000, 999, 0, SegmentKind::kCompacted);
  const auto rest = segment(2, 100, 99, 0, SegmentKind::kCompacted);
  EXPECT_EQ(plan({full, rest}), "");
  EXPECT_EQ(plan({full, rest, rest}), "1 2 2 ");
  EXPECT_EQ(plan({}), "");
}

TEST(CompactionPolicyTest, ByHandItGoesInBoundedStepsOldestRecordsFirst) {
  std::vector<SegmentUse> sealed;
  for (std::uint64_t id = 1; id <= 6; ++id) {
    sealed.push_back(segment(id, 1000, 1000));
    sealed.back().entry.min_seq = 100 - id;
  }
  EXPECT_EQ(plan(sealed), "6 5 4 3 | 2 1 ");
}

TEST(CompactionPolicyTest, OnAFullDiskWhateverGivesSpaceBackIsWorthItIfItsOutputFits) {
  CompactionPolicy tight = kPolicy;
  tight.disk_is_tight = true;
  tight.room = 950;
  EXPECT_EQ(ids(pick_for_background({segment(1, 1000, 980), segment(2, 1000, 900)}, tight)), "2 ");
  EXPECT_EQ(
      ids(pick_for_background({segment(1, 2000, 951), segment(2, 1000, 500), segment(3, 1000, 501)}, tight)),
      "2 ");
  EXPECT_EQ(ids(pick_for_background({segment(1, 1000, 0), segment(2, 1000, 940)}, tight)), "1 2 ");
  EXPECT_EQ(plan({segment(1, 1000, 980), segment(2, 1000, 500), segment(3, 2000, 951), segment(4, 1000, 460)},
                 tight),
            "2 | 4 ")
      << "not what gives nothing back, nor what does not fit";
}

TEST(CompactionPolicyTest, TheBacklogIsMeasuredByEightSegmentsOrByTwiceWhatIsAlive) {
  EXPECT_EQ(backlog({}, kSize), 0);
  EXPECT_EQ(backlog({segment(1, 1000, 0), segment(2, 1000, 500, 500)}, kSize), 1000.0 / 8000);
  EXPECT_EQ(backlog({segment(1, 20'000, 10'000)}, kSize), 10'000.0 / 20'000);
}

}  // namespace
}  // namespace minikv::engine
