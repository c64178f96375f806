// Expired keys leave memory by themselves and stay away, whatever the clock on the wall does.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/support/sim_run.h"
#include "tests/support/store_fixture.h"

namespace minikv {
namespace {

using sim::CrashMode;
using sim::SimCall;
using sim::SimRun;

constexpr std::int64_t kHourMs = 3'600'000;

class ExpiryTest : public testing::Test {
 protected:
  void make_run(Options options = sim::sim_options()) {
    run_ = std::make_unique<SimRun>(std::move(options));
    open();
  }
  void open() {
    const Status opened = run_->open();
    ASSERT_TRUE(opened) << opened.message();
  }
  Store& store() { return *run_->store(); }
  void set(const std::string& key, std::int64_t expires_in_ms = 0) {
    ASSERT_TRUE(store().set(key, "value", expires_in_ms == 0 ? kNoExpiry : store().now_ms() + expires_in_ms));
  }
  // Time goes by, and the writer looks up: on the simulated machine it only runs when it is called.
  void pass(std::int64_t ms) {
    run_->clock().advance_ms(ms);
    ASSERT_TRUE(store().transact([](Transaction&) {}));
  }
  std::uint64_t calls(SimCall::Kind kind) const {
    std::uint64_t count = 0;
    for (const SimCall& call : run_->file_system().log()) count += call.kind == kind ? 1 : 0;
    return count;
  }

  std::unique_ptr<SimRun> run_;
};

TEST_F(ExpiryTest, ExpiredKeysLeaveTheIndexAndAreCounted) {
  make_run();
  set("stays");
  set("later", kHourMs);
  const Stats before = store().stats();
  for (int i = 0; i < 1000; ++i) set("key" + std::to_string(i), 1000);
  EXPECT_EQ(store().stats().keys_with_expiry, 1001u);
  pass(999);
  EXPECT_EQ(store().size(), 1002u);
  pass(1);
  EXPECT_EQ(store().size(), 2u);
  const Stats after = store().stats();
  EXPECT_EQ(after.expired_keys, 1000u);
  EXPECT_EQ(after.keys_with_expiry, 1u);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  EXPECT_GT(after.dead_bytes, before.dead_bytes);
}

TEST_F(ExpiryTest, WhoChangesTheirMindIsHeard) {
  make_run();
  set("persisted", 1000);
  set("prolonged", 1000);
  set("set anew", 1000);
  const std::int64_t now = store().now_ms();
  ASSERT_TRUE(store().transact([&](Transaction& t) {
    t.set_expiry("persisted", kNoExpiry);
    t.set_expiry("prolonged", now + 5000);
  }));
  set("set anew");
  pass(2000);
  EXPECT_EQ(store().size(), 3u);
  EXPECT_TRUE(store().exists("prolonged"));
  pass(4000);
  EXPECT_EQ(store().size(), 2u);
  EXPECT_TRUE(store().exists("persisted"));
  EXPECT_TRUE(store().exists("set anew"));
}

TEST_F(ExpiryTest, WhatHasExpiredIsNotLoaded) {
  make_run();
  set("stays");
  const std::uint64_t live_bytes = store().stats().live_bytes;
  for (int i = 0; i < 50; ++i) set("key" + std::to_string(i), 1000);
  run_->kill();
  run_->clock().advance_ms(1000);
  open();
  EXPECT_EQ(store().size(), 1u);
  EXPECT_EQ(store().stats().keys_with_expiry, 0u);
  EXPECT_EQ(store().stats().live_bytes, live_bytes);
}

TEST_F(ExpiryTest, AnOlderValueWithoutExpiryDoesNotComeBackAtARestart) {
  make_run();
  set("key");
  set("key", 1000);
  pass(1000);
  EXPECT_EQ(store().size(), 0u);
  run_->kill();
  open();
  EXPECT_FALSE(store().exists("key"));
  ASSERT_TRUE(store().compact());
  run_->kill();
  open();
  EXPECT_FALSE(store().exists("key"));
}

// ---- the time on disk ----

TEST_F(ExpiryTest, TheTimeIsWrittenAndSyncedOnceASecondWhileKeysWithExpiryExist) {
  make_run();
  set("stays");
  const auto expect_writes = [this](int passes, std::uint64_t expected) {
    const std::uint64_t writes = calls(SimCall::Kind::kWrite), syncs = calls(SimCall::Kind::kSync);
    for (int i = 0; i < passes; ++i) pass(100);
    EXPECT_EQ(calls(SimCall::Kind::kWrite) - writes, expected);
    EXPECT_EQ(calls(SimCall::Kind::kSync) - syncs, expected);
  };
  expect_writes(50, 0);
  set("goes", 5000);
  expect_writes(49, 4);  // the fifth is not due yet
  expect_writes(50, 0);  // it has expired
}

TEST_F(ExpiryTest, ALogFullOfTimesGoesOnInTheNextSegment) {
  make_run();
  set("stays", 24 * kHourMs);
  for (int i = 0; i < 500; ++i) pass(1000);
  EXPECT_GT(calls(SimCall::Kind::kRename), 3u);  // spares
  set("behind", 24 * kHourMs);
  run_->cut_power(CrashMode::kDropAll, 1);
  open();
  EXPECT_EQ(store().size(), 2u);
  for (int i = 0; i < 500; ++i) pass(1000);
  ASSERT_TRUE(run_->close());
  open();
  EXPECT_EQ(store().size(), 2u);
}

class ExpiryModesTest : public ExpiryTest, public testing::WithParamInterface<Fsync> {};

TEST_P(ExpiryModesTest, AClockThatStepsBackAcrossAPowerCutBringsNothingBack) {
  Options options = sim::sim_options();
  options.fsync = GetParam();
  make_run(options);
  set("session", 10'000);
  set("later", kHourMs);
  for (int i = 0; i < 350; ++i) pass(37);  // 13 s without a write
  EXPECT_FALSE(store().exists("session"));
  const std::int64_t before = store().now_ms();
  run_->clock().advance_ms(999);
  // The time was written once a second; in `interval` mode it is synced up to an interval later, in `never`
  // when the kernel likes, which loses nothing as long as the machine runs.
  const bool is_synced = GetParam() != Fsync::kNever;
  if (is_synced) {
    run_->cut_power(CrashMode::kDropAll, 1);
  } else {
    run_->kill();
  }
  run_->clock().jump_wall_ms(-kHourMs / 2);
  open();
  const std::int64_t lost_ms = before - store().now_ms();
  EXPECT_LE(lost_ms, GetParam() == Fsync::kInterval ? 2037 : 1037);
  EXPECT_FALSE(store().exists("session")) << lost_ms;
  EXPECT_TRUE(store().exists("later"));
}

INSTANTIATE_TEST_SUITE_P(Modes, ExpiryModesTest,
                         testing::Values(Fsync::kAlways, Fsync::kInterval, Fsync::kNever));

TEST_F(ExpiryTest, AClockSetBackByMoreThanAnHourIsARefusalThatNamesTheFlag) {
  Options options = sim::sim_options();
  make_run(options);
  set("key", 10 * kHourMs);
  for (int i = 0; i < 2 * 3600; ++i) pass(1000);
  const std::int64_t before = store().now_ms();
  run_->cut_power(CrashMode::kDropAll, 1);
  run_->clock().jump_wall_ms(-2 * kHourMs);
  const Status refused = run_->open();
  EXPECT_EQ(refused.code(), StatusCode::kRefused);
  EXPECT_NE(refused.message().find("--accept-clock-jump"), std::string::npos) << refused.message();

  options.accept_clock_jump = true;
  options.file_system = &run_->file_system();
  options.clock = &run_->clock();
  auto opened = Store::open(sim::kStoreDirectory, options);
  ASSERT_TRUE(opened) << opened.status().message();
  EXPECT_GE((*opened)->now_ms(), before - 1000);
}

// ---- with threads and a real directory ----

class ExpiryThreadsTest : public test::StoreFixture {
 protected:
  void set_many(const std::string& prefix, int count, std::size_t value_bytes) {
    WriteBatch batch;
    for (int i = 0; i < count; ++i) batch.set(prefix + std::to_string(i), std::string(value_bytes, 'v'));
    ASSERT_TRUE(store_->write(batch));
  }
};

TEST_F(ExpiryThreadsTest, KeysGoWithoutAnybodyAskingForThem) {
  open();
  const std::int64_t soon = store_->now_ms() + 50;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store_->set("key" + std::to_string(i), "v", soon + i));
  EXPECT_TRUE(wait_until([this] { return store_->stats().expired_keys == 100; }));
  EXPECT_EQ(store_->size(), 0u);
}

// An expired record that is out of the index is still what keeps older ones of its key away: compaction of
// the one segment, and not of the other, must leave something in its place.
TEST_F(ExpiryThreadsTest, CompactingWhereTheExpiryWasDoesNotBringOlderValuesBack) {
  options_.compaction_threshold = 1;
  open();
  ASSERT_TRUE(store_->set("put twice", "old"));
  ASSERT_TRUE(store_->set("given an expiry", "old"));
  set_many("live", 1100, 1000);
  ASSERT_TRUE(store_->compact());  // into a segment of which nearly all is alive
  const std::int64_t soon = store_->now_ms() + 20;
  ASSERT_TRUE(store_->set("put twice", "new", soon));
  ASSERT_TRUE(store_->transact([&](Transaction& t) { t.set_expiry("given an expiry", soon); }));
  ASSERT_TRUE(wait_until([this] { return store_->stats().expired_keys == 2; }));
  // The segments behind it: nearly all of them is dead, which is when they are compacted.
  const std::uint64_t reclaimed = store_->stats().reclaimed_bytes;
  ASSERT_TRUE(wait_until([&] {
    set_many("junk", 500, 1000);
    return store_->stats().reclaimed_bytes > reclaimed + kMiB / 2;
  }));
  ASSERT_TRUE(store_->close());
  open();
  EXPECT_EQ(store_->get("put twice").code(), StatusCode::kNotFound);
  EXPECT_EQ(store_->get("given an expiry").code(), StatusCode::kNotFound);
  EXPECT_TRUE(store_->exists("live7"));
}

}  // namespace
}  // namespace minikv
