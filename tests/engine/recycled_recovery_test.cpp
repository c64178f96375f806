// What recovery and the tools make of the bytes that an earlier segment has left in a recycled file: nothing
// of it ever comes back, at whatever call the power is cut.
#include <iostream>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/recycling_fixture.h"
#include "tests/support/sim_explorer.h"
#include "tests/support/sim_random.h"

namespace minikv::sim {
namespace {

using engine::FindingKind;
using testing::IsEmpty;

class RecycledRecoveryTest : public RecyclingFixture {};

TEST_F(RecycledRecoveryTest, WhatAnEarlierSegmentHasLeftIsNoTornWrite) {
  write_into_recycled();
  const std::string contents = disk().contents(active_path());
  EXPECT_GT(contents.find_last_not_of('\0'), kSegmentBytes / 2) << "the earlier segment's bytes are there";
  run_->kill();
  EXPECT_THAT(damage_in(disk(), true),
              testing::Each(testing::Field(&engine::Finding::kind, testing::Ne(FindingKind::kTornTail))));
  log_.clear();
  ASSERT_EQ(run_->open().message(), "");
  EXPECT_EQ(run_->settle(run_->history().allowed()), "");
  EXPECT_EQ(run_->store()->stats().cut_bytes, 0U);
  EXPECT_FALSE(is_logged("no whole group"));
  for (const std::string& path : disk().files()) EXPECT_FALSE(path.ends_with(".cut")) << path;
}

// The last frame is damaged, and nothing says that it had been synced.
TEST_F(RecycledRecoveryTest, ATornFrameIsKeptAsideWithoutWhatComesBehindIt) {
  for (const bool is_header_torn : {false, true}) {
    start(recycling_options());
    log_.clear();
    write_into_recycled();
    ASSERT_TRUE(run_->write({{.key = "last", .value = std::string(100, 'L')}}));
    run_->kill();
    const std::string path = active_path();
    const std::uint64_t key_at = disk().contents(path).find("last" + std::string(100, 'L'));
    ASSERT_NE(key_at, std::string::npos);
    const std::uint64_t frame = key_at - sizeof(engine::RecordHeader) - sizeof(engine::FrameHeader);
    run_->file_system().damage(
        [&](SimDisk& disk) { disk.flip_bit(path, is_header_torn ? frame + 9 : key_at, 1); });
    const auto notes = damage_in(disk(), true);
    const engine::Finding* const torn = find(notes, FindingKind::kTornTail);
    ASSERT_NE(torn, nullptr) << describe(notes);
    EXPECT_EQ(torn->offset, frame);
    EXPECT_LE(torn->length, 208U);
    ASSERT_EQ(run_->open().message(), "");
    EXPECT_FALSE(run_->store()->get("last"));
    EXPECT_EQ(run_->store()->stats().cut_bytes, torn->length);
    EXPECT_TRUE(is_logged("are no whole group"));
  }
}

// What had been synced is damage and is never cut, although the bytes behind it are another segment's.
TEST_F(RecycledRecoveryTest, DamageInARecycledFileIsNoTornWrite) {
  write_into_recycled();
  ASSERT_TRUE(run_->write({{.key = "damaged", .value = std::string(100, 'D')}}));
  ASSERT_TRUE(run_->write({{.key = "behind it", .value = "x"}}));
  run_->kill();
  const std::string path = active_path();
  const std::uint64_t key_at = disk().contents(path).find("damaged" + std::string(100, 'D'));
  ASSERT_NE(key_at, std::string::npos);
  run_->file_system().damage([&](SimDisk& disk) { disk.flip_bit(path, key_at + 20, 1); });
  ASSERT_EQ(run_->open().message(), "");
  EXPECT_EQ(run_->store()->get("damaged").code(), StatusCode::kCorruption);
  EXPECT_EQ(run_->store()->get("behind it")->data, "x");
  EXPECT_EQ(run_->store()->stats().cut_bytes, 0U);
}

// A write that never counted may have left frames in it that do check out.
TEST_F(RecycledRecoveryTest, ARecycledSpareIsNotUsedAfterACrash) {
  write_until([this] {
    const auto spares = segments(SegmentState::kSpare);
    return !spares.empty() && is_recycled(spares.front());
  });
  const std::uint64_t spare = segments(SegmentState::kSpare).front().id;
  run_->kill();
  ASSERT_EQ(run_->open().message(), "");
  for (const SegmentState state : {SegmentState::kSpare, SegmentState::kActive})
    for (const ManifestSegment& entry : segments(state)) EXPECT_NE(entry.id, spare);
}

TEST_F(RecycledRecoveryTest, AStoreWithoutItsManifestIsSavedWithoutWhatIsLeftOfEarlierSegments) {
  write_into_recycled();
  ASSERT_TRUE(run_->write({{.key = "last", .value = "word"}}));
  keys_.insert("last");
  run_->kill();
  Facts truth;
  for (const auto& [key, item] : run_->history().contents())
    truth[key] = {item.value, item.version, item.expiry_ms};
  SimDisk left = disk();
  EXPECT_EQ(repaired(left, keys_).saved, truth);
  left.erase(path_of("MANIFEST"));
  EXPECT_EQ(find(damage_in(left, true), FindingKind::kTornTail), nullptr) << describe(damage_in(left, true));
  EXPECT_EQ(repaired(left, keys_).saved, truth);
}

// ---- crashes ----

TEST(RecyclingCrashTest, AtEveryCallOfRandomHistoriesThatRecycle) {
  const std::uint64_t first = test_seed(1);
  const std::uint64_t rounds = scaled_rounds(2);
  std::uint64_t points = 0, states = 0, recycled = 0;
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    SCOPED_TRACE(testing::Message() << "MINIKV_TEST_SEED=" << seed << " MINIKV_TEST_ROUNDS=1");
    RandomHistory history({.seed = seed, .steps = 90, .crashes = false, .small = true, .recycles = true});
    history.store().note_crash_points();
    ASSERT_EQ(history.run(), "");
    recycled += history.store().store()->stats().recycled_segments;
    ASSERT_EQ(history.store().close().message(), "");
    const auto crash_points = history.store().take_crash_points();
    Explorer explorer(history.options());
    explorer.explore(crash_points, {.tears = 2, .random = 4, .seed = seed, .depth = 2, .stride = 97});
    ASSERT_THAT(explorer.failures(), IsEmpty());
    points += crash_points.size();
    states += explorer.states();
  }
  std::cout << recycled << " recycled files, " << points << " crash points, " << states
            << " states explored\n";
  EXPECT_GT(recycled, 0U);
}

TEST(RecyclingModelTest, RandomHistoriesThatRecycleAreThoseOfAMap) {
  const std::uint64_t first = test_seed(1);
  const std::uint64_t rounds = scaled_rounds(60);
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    RandomHistory history({.seed = seed, .steps = 200, .recycles = true});
    ASSERT_EQ(history.run(), "") << "MINIKV_TEST_SEED=" << seed << " MINIKV_TEST_ROUNDS=1";
  }
}

}  // namespace
}  // namespace minikv::sim
