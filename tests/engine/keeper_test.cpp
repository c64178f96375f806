// What the keeper makes durable before anybody depends on it.
#include "engine/files/keeper.h"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/engine/keeper_fixture.h"

namespace minikv::engine {
namespace {

class KeeperTest : public KeeperFixture {
 protected:
  // What the next start would find if the power failed now.
  std::uint64_t durable_limit() const {
    sim::SimFileSystem files(files_.disk().after_crash(sim::CrashMode::kDropAll));
    const auto manifest = ManifestFile(files, "data").load(nullptr);
    EXPECT_TRUE(manifest) << manifest.status().message();
    return manifest ? manifest->seq_limit : 0;
  }
};

// Otherwise a crash would lead to the same versions being given to other values.
TEST_F(KeeperTest, NoSequenceIsUsedBeforeItIsDurablyReserved) {
  for (const std::uint64_t step : {1U, 2U, 1'000'000U}) {
    const std::uint64_t end = durable_limit() + step;
    ASSERT_TRUE(keeper_->reserve_sequences(end));
    EXPECT_GE(durable_limit(), end);
  }
}

// After a crash numbering goes on at the limit, so that restarts in order must not move it on.
TEST(SequenceLimitTest, RestartsInOrderReserveOneBlock) {
  sim::SimRun run;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(run.open().message(), "");
    ASSERT_TRUE(run.write({{"key", "value"}}).is_ok());
    ASSERT_EQ(run.close().message(), "");
  }
  const auto manifest = ManifestFile(run.file_system(), "data").load(nullptr);
  ASSERT_TRUE(manifest) << manifest.status().message();
  EXPECT_EQ(manifest->clean_sequence, 6U);
  EXPECT_LE(manifest->seq_limit, 6U + kSequenceBlock);
}

TEST_F(KeeperTest, SequencesThatCanNotBeReservedAreNotUsed) {
  const std::uint64_t limit = durable_limit();
  files_.fail_syncs_from(files_.calls() + 1);
  EXPECT_TRUE(keeper_->reserve_sequences(limit / 4));
  EXPECT_FALSE(keeper_->reserve_sequences(limit + 1));
  EXPECT_EQ(durable_limit(), limit);
  EXPECT_TRUE(context_.health.is_read_only());
}

// `interval` promises to lose no more than what an interval and a sync take: a spare that is being filled
// takes its time.
TEST(KeeperIntervalTest, SyncsTheLogInTheMidstOfFillingASpare) {
  Options options = sim::sim_options();
  options.fsync = Fsync::kInterval;
  options.fsync_interval_ms = 1000;
  options.segment_size = 4 * kMiB;
  sim::SimFileSystem files;
  files.set_can_allocate(false);
  sim::SimClock clock;
  StoreContext context(options, files, clock, "data");
  ASSERT_TRUE(files.create_dir("data"));
  Manifest manifest;
  ManifestFile file(files, "data");
  ASSERT_TRUE(file.commit(manifest));
  Keeper keeper(context, manifest, std::move(file));
  ASSERT_TRUE(keeper.cut_overlong({}));
  const auto log = keeper.open_log(nullptr, 1);
  ASSERT_TRUE(log) << log.status().message();
  const std::size_t before = files.log().size();
  files.set_judge([&](const sim::SimCall& call) {
    if (call.kind == sim::SimCall::Kind::kWrite) clock.advance_ms(20);
    return sim::SimFault::kNone;
  });
  keeper.syncer().note_unsynced();
  const auto calls = files.log();
  std::size_t synced = 0, last_write = 0;
  for (std::size_t i = before; i < calls.size(); ++i) {
    if (calls[i].kind == sim::SimCall::Kind::kSync && calls[i].path == (*log)->path() && synced == 0)
      synced = i;
    if (calls[i].kind == sim::SimCall::Kind::kWrite && calls[i].path.ends_with(".tmp")) last_write = i;
  }
  EXPECT_GT(synced, 0U);
  EXPECT_LT(synced, last_write);
  EXPECT_GT(context.counters.syncs.load(), 0U);
}

}  // namespace
}  // namespace minikv::engine
