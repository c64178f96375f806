// Append, sync and roll are steps of their own, and a write that failed leaves nothing behind.
#include "engine/commit/log_writer.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/engine/keeper_fixture.h"

namespace minikv::engine {
namespace {

class LogWriterTest : public KeeperFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(KeeperFixture::SetUp());
    log_.emplace(context_, *keeper_, first_segment_, 1);
  }

  Status append_one() {
    frame_.begin(log_->segment()->identity(), log_->used_bytes());
    const std::uint64_t sequence = log_->next_sequence();
    frame_.add({RecordType::kPut, "key", "value", value_checksum("value"), sequence, sequence, 0});
    return log_->append(frame_, sequence + 1, kNowMs);
  }
  // What stands at the place in the log's segment if the power fails now.
  bool would_survive(std::uint64_t offset) {
    sim::SimFileSystem files(files_.disk().after_crash(sim::CrashMode::kDropAll));
    const auto file = files.open(log_->segment()->path(), OpenMode::kRead);
    EXPECT_TRUE(file) << file.status().message();
    std::string bytes(sizeof(FrameHeader), '\0');
    EXPECT_TRUE((*file)->read(offset, bytes));
    return parse_frame_header(bytes, log_->segment()->identity(), offset).has_value();
  }
  void fail_next_write(sim::SimFault fault) {
    files_.set_judge([fault, is_over = false](const sim::SimCall& call) mutable {
      if (call.kind != sim::SimCall::Kind::kWrite || is_over) return sim::SimFault::kNone;
      is_over = true;
      return fault;
    });
  }

  static constexpr std::int64_t kNowMs = 1000;
  std::optional<LogWriter> log_;
  FrameBuilder frame_;
};

TEST_F(LogWriterTest, WhatIsAppendedIsWrittenAndWhatIsSyncedIsDurable) {
  const std::uint64_t offset = log_->used_bytes();
  ASSERT_TRUE(append_one());
  EXPECT_EQ(context_.written_sequence, 1U);
  EXPECT_EQ(context_.durable_sequence, 0U);
  EXPECT_EQ(context_.visible_sequence, 0U);
  EXPECT_FALSE(would_survive(offset));
  ASSERT_TRUE(log_->sync());
  EXPECT_EQ(context_.durable_sequence, 1U);
  EXPECT_EQ(context_.visible_sequence, 0U);  // which is the publisher's
  EXPECT_TRUE(would_survive(offset));
}

TEST_F(LogWriterTest, AFrameThatCanNotBeWrittenIsNotPartOfTheLog) {
  ASSERT_TRUE(append_one());
  const std::uint64_t offset = log_->used_bytes();
  for (const auto fault : {sim::SimFault::kIoError, sim::SimFault::kDiskFull, sim::SimFault::kHalfIoError,
                           sim::SimFault::kHalfDiskFull, sim::SimFault::kDoneIoError}) {
    fail_next_write(fault);
    EXPECT_FALSE(append_one());
    EXPECT_EQ(log_->used_bytes(), offset);
    EXPECT_EQ(log_->next_sequence(), 2U);
    ASSERT_TRUE(log_->sync());
    EXPECT_FALSE(would_survive(offset));
  }
  EXPECT_TRUE(append_one());
  EXPECT_EQ(log_->next_sequence(), 3U);
  EXPECT_FALSE(context_.health.is_read_only());
}

TEST_F(LogWriterTest, ASyncThatFailsIsFinal) {
  ASSERT_TRUE(append_one());
  files_.fail_syncs_from(files_.calls() + 1);
  EXPECT_FALSE(log_->sync());
  EXPECT_TRUE(context_.health.is_read_only());
  EXPECT_EQ(context_.durable_sequence, 0U);
}

TEST_F(LogWriterTest, TheEndOfTheLogSaysThatItIsDurable) {
  EXPECT_FALSE(log_->wants_watermark());
  ASSERT_TRUE(append_one());
  log_->append_watermark(kNowMs);
  EXPECT_TRUE(log_->wants_watermark());  // nothing is durable yet that it could say
  ASSERT_TRUE(log_->sync());
  EXPECT_TRUE(log_->wants_watermark());
  const std::uint64_t offset = log_->used_bytes();
  log_->append_watermark(kNowMs + 1);
  EXPECT_FALSE(log_->wants_watermark());
  EXPECT_TRUE(would_survive(offset));
  EXPECT_EQ(log_->used_bytes(), offset + sizeof(FrameHeader));
  EXPECT_EQ(log_->next_sequence(), 2U);  // it takes none
  EXPECT_EQ(log_->last_time_ms(), kNowMs + 1);
}

TEST_F(LogWriterTest, TheSegmentThatItLeavesIsSealed) {
  ASSERT_TRUE(append_one());
  ASSERT_TRUE(log_->sync());
  const SegmentId full = log_->segment()->id();
  auto next = keeper_->spare().wait_and_take();
  ASSERT_TRUE(next) << next.status().message();
  log_->roll_to(*next);
  EXPECT_EQ(log_->segment(), *next);
  EXPECT_FALSE(log_->has_frames());
  keeper_->run_pending_if_single_threaded();
  ASSERT_TRUE(keeper_->wait_until_sealed());
  Manifest manifest;
  manifest.segments = keeper_->manifest().segments();
  const ManifestSegment* const sealed = manifest.find(full);
  ASSERT_NE(sealed, nullptr);
  EXPECT_EQ(sealed->state, SegmentState::kSealed);
  EXPECT_EQ(sealed->max_seq, 1U);
  ASSERT_TRUE(append_one());
  EXPECT_EQ(log_->next_sequence(), 3U);
}

}  // namespace
}  // namespace minikv::engine
