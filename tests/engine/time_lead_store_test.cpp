// A store whose clock was ahead for a while: what is on record of that, who may open it, and what its tools
// make of it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/manifest.h"
#include "engine/tools/repair.h"
#include "engine/tools/verify.h"
#include "minikv/store.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kMinuteMs = 60'000, kHourMs = 60 * kMinuteMs;

class TimeLeadTest : public testing::Test {
 protected:
  TimeLeadTest() {
    options_ = sim_options();
    options_.file_system = disk_.get();
    options_.clock = &clock_;
    options_.log = [this](LogLevel level, std::string_view line) {
      if (level >= LogLevel::kWarning || line.find("caught up") != std::string_view::npos)
        log_.emplace_back(line);
    };
  }
  Status try_open() {
    store_.reset();
    auto opened = Store::open(kStoreDirectory, options_);
    if (opened) store_ = std::move(*opened);
    return opened.status();
  }
  void open() {
    const Status opened = try_open();
    ASSERT_TRUE(opened) << opened.message();
  }
  void restart() {
    ASSERT_TRUE(store_->close());
    open();
  }
  // The power fails, and the machine is started anew.
  void cut_power() {
    SimDisk left = disk_->disk();
    disk_->crash_at_call(disk_->calls() + 1);
    store_.reset();
    disk_ = std::make_unique<SimFileSystem>(left.after_crash(CrashMode::kDropAll, 1));
    options_.file_system = disk_.get();
  }
  void pass(std::int64_t ms) {
    for (; ms > 0; ms -= 1000) {
      clock_.advance_ms(std::min<std::int64_t>(ms, 1000));
      ASSERT_TRUE(store_->transact([](Transaction&) {}));
    }
  }
  void be_ahead_for_a_second(std::int64_t ms) {
    clock_.jump_wall_ms(ms);
    pass(1000);
    clock_.jump_wall_ms(-ms);
    pass(1000);
  }
  // As a client says it.
  void set_until(const std::string& key, std::int64_t wall_ms) {
    ASSERT_TRUE(store_->transact([&](Transaction& t) { t.put(key, "value", t.time().to_engine(wall_ms)); }));
  }
  std::int64_t expires_at(const std::string& key) {
    const auto location = store_->locate(key);
    return location ? store_->time().to_wall(location->expiry_ms()) : -1;
  }
  engine::Manifest manifest() {
    auto loaded = engine::ManifestFile(*disk_, kStoreDirectory).load(nullptr);
    EXPECT_TRUE(loaded) << loaded.status().message();
    return loaded ? *loaded : engine::Manifest();
  }

  SimClock clock_;
  std::unique_ptr<SimFileSystem> disk_ = std::make_unique<SimFileSystem>();
  Options options_;
  std::vector<std::string> log_;
  std::unique_ptr<Store> store_;
};

TEST_F(TimeLeadTest, AKeyLivesUntilTheMomentThatWasNamedAcrossRestarts) {
  open();
  be_ahead_for_a_second(30 * kMinuteMs);
  const std::int64_t until = clock_.wall_ms() + 600'000;
  set_until("key", until);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(expires_at("key"), until);
    pass(60'000);
    restart();
    EXPECT_EQ(expires_at("key"), until);
    clock_.advance_ms(20'000);  // while it is closed
    restart();
  }
  EXPECT_EQ(expires_at("key"), until);
  clock_.advance_ms(until - clock_.wall_ms() - 1);
  EXPECT_TRUE(store_->exists("key"));
  clock_.advance_ms(1);
  EXPECT_FALSE(store_->exists("key"));
}

TEST_F(TimeLeadTest, APowerCutForgetsNothingOfIt) {
  open();
  be_ahead_for_a_second(30 * kMinuteMs);
  const std::int64_t until = clock_.wall_ms() + 600'000;
  set_until("key", until);
  clock_.advance_ms(5000);
  cut_power();
  open();
  EXPECT_EQ(expires_at("key"), until);
}

TEST_F(TimeLeadTest, ADurationIsOnePerCentLateForTheLibraryAndNeverEarly) {
  open();
  be_ahead_for_a_second(30 * kMinuteMs);
  ASSERT_TRUE(store_->set("key", "value", store_->now_ms() + 100'000));
  clock_.advance_ms(100'000);
  EXPECT_TRUE(store_->exists("key"));
  clock_.advance_ms(1'011);
  EXPECT_FALSE(store_->exists("key"));
}

TEST_F(TimeLeadTest, ItIsToldWhenItBeginsWhenTheClockIsSetAndWhenItEnds) {
  open();
  be_ahead_for_a_second(30 * kMinuteMs);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("was set back: engine time is 1800.0 s ahead")));
  EXPECT_LE(std::abs(store_->stats().time_ahead_ms - (30 * kMinuteMs)), 20);
  log_.clear();
  pass(10'000);
  EXPECT_THAT(log_, IsEmpty());
  restart();
  EXPECT_THAT(log_, ElementsAre(HasSubstr("engine time is 1799.9 s ahead of this machine's clock")));
  log_.clear();
  clock_.jump_wall_ms(10 * kMinuteMs);
  pass(1000);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("the clock was set: engine time is 1199")));
  log_.clear();
  clock_.jump_wall_ms(30 * kMinuteMs);
  pass(1000);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("has caught up")));
  EXPECT_EQ(store_->stats().time_ahead_ms, 0);
  log_.clear();
  restart();
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(TimeLeadTest, TheFeatureBitIsThereForAsLongAsTheLeadIs) {
  open();
  clock_.jump_wall_ms(-500);  // not worth it
  pass(1000);
  EXPECT_EQ(manifest().incompat_features & engine::kFeatureLead, 0u);
  be_ahead_for_a_second(30 * kMinuteMs);
  EXPECT_EQ(manifest().incompat_features & engine::kFeatureLead, engine::kFeatureLead);
  EXPECT_LE(std::abs(manifest().lead.lead.engine_ms - manifest().lead.lead.wall_ms - (30 * kMinuteMs)), 1000);
  clock_.jump_wall_ms(30 * kMinuteMs);
  pass(1000);
  EXPECT_EQ(manifest().incompat_features & engine::kFeatureLead, 0u);
}

// Wherever the machine stops, no key goes early, and none stays longer than the clocks were apart.
TEST_F(TimeLeadTest, ACrashAtAnyCallLosesNoMoreThanTheDifference) {
  open();
  ASSERT_TRUE(store_->set("first", "value"));
  disk_->record_snapshots();
  be_ahead_for_a_second(30 * kMinuteMs);
  const std::int64_t until = clock_.wall_ms() + 600'000;
  set_until("key", until);
  pass(3000);
  clock_.jump_wall_ms(-10 * kMinuteMs);
  pass(1000);
  ASSERT_TRUE(store_->close());
  open();
  pass(2000);
  ASSERT_TRUE(store_->close());
  const std::vector<SimSnapshot> snapshots = disk_->take_snapshots();
  ASSERT_GT(snapshots.size(), 20u);
  for (const SimSnapshot& snapshot : snapshots) {
    for (const CrashMode mode : {CrashMode::kDropAll, CrashMode::kKeepAll}) {
      store_.reset();
      disk_ = std::make_unique<SimFileSystem>(snapshot.disk.after_crash(mode, 1));
      options_.file_system = disk_.get();
      open();
      EXPECT_TRUE(store_->exists("first"));
      if (!store_->exists("key")) continue;  // not written yet
      EXPECT_GE(expires_at("key"), until - 10 * kMinuteMs - 20'000)
          << snapshot.call.describe();  // the clock was set back since
      EXPECT_LE(expires_at("key"), until + 40 * kMinuteMs) << snapshot.call.describe();
      EXPECT_GE(store_->time().ahead_ms(), 39 * kMinuteMs) << snapshot.call.describe();
    }
  }
}

// ---- who may open it ----

TEST_F(TimeLeadTest, AnAcceptedStartWritesDownWhatItAccepted) {
  open();
  ASSERT_TRUE(store_->set("key", "value", store_->now_ms() + 100 * kHourMs));
  ASSERT_TRUE(store_->close());
  clock_.jump_wall_ms(-5 * kHourMs);
  EXPECT_EQ(try_open().code(), StatusCode::kRefused);
  options_.accept_clock_jump = true;
  open();
  cut_power();  // at once
  options_.accept_clock_jump = false;
  for (int i = 0; i < 3; ++i) {
    open();
    EXPECT_TRUE(store_->exists("key"));
    clock_.advance_ms(kMinuteMs);
    cut_power();
  }
  // What was accepted does not cover what comes later.
  clock_.jump_wall_ms(-kHourMs + 3 * kMinuteMs);
  open();
  ASSERT_TRUE(store_->close());
  clock_.jump_wall_ms(-2 * kHourMs);
  const Status refused = try_open();
  EXPECT_EQ(refused.code(), StatusCode::kRefused);
  EXPECT_THAT(refused.message(), HasSubstr("--accept-clock-jump"));
}

TEST_F(TimeLeadTest, WhatAnOpenStoreHasSeenNeedsNoFlag) {
  open();
  be_ahead_for_a_second(5 * kHourMs);
  restart();
  EXPECT_LE(std::abs(store_->stats().time_ahead_ms - (5 * kHourMs)), 100);
}

TEST_F(TimeLeadTest, AStoreFromBeforeLeadsWereRecordedOpensAndGetsOne) {
  open();
  set_until("key", clock_.wall_ms() + 10 * kHourMs);
  ASSERT_TRUE(store_->close());
  ASSERT_FALSE(manifest().lead.lead.exists());
  clock_.jump_wall_ms(-30 * kMinuteMs);
  open();
  EXPECT_TRUE(manifest().lead.lead.exists());
  EXPECT_THAT(log_, Contains(HasSubstr("engine time is 1800.0 s ahead of this machine's clock")));
}

// ---- tools ----

TEST_F(TimeLeadTest, ARepairedStoreGoesByTheWallClockAndEveryVersionOpensIt) {
  open();
  be_ahead_for_a_second(5 * kHourMs);
  const std::int64_t until = clock_.wall_ms() + 600'000;
  set_until("key", until);
  set_until("goes", clock_.wall_ms() + 1000);
  ASSERT_TRUE(store_->set("stays", "value"));
  pass(2000);
  EXPECT_FALSE(store_->exists("goes"));
  ASSERT_TRUE(store_->close());
  store_.reset();
  auto verified = engine::verify_store(*disk_, kStoreDirectory, {});
  ASSERT_TRUE(verified) << verified.status().message();
  for (const engine::Finding& finding : verified->findings) EXPECT_FALSE(finding.is_damage()) << finding.what;
  auto repaired = engine::repair_store(*disk_, kStoreDirectory, "new", {}, {});
  ASSERT_TRUE(repaired) << repaired.status().message();
  auto made = engine::ManifestFile(*disk_, "new").load(nullptr);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->incompat_features, 0u);
  EXPECT_LE(made->engine_time_ms, clock_.wall_ms());

  auto opened = Store::open("new", options_);
  ASSERT_TRUE(opened) << opened.status().message();
  EXPECT_EQ((*opened)->locate("key")->expiry_ms(), until);
  EXPECT_FALSE((*opened)->exists("goes"));
  EXPECT_EQ((*opened)->get("stays")->expiry_ms, kNoExpiry);
  EXPECT_EQ((*opened)->now_ms(), clock_.wall_ms());
}

// Whatever a clock says, what is written of it can be read.
TEST_F(TimeLeadTest, AClockThatCantBeRightLeavesAStoreThatOpens) {
  open();
  ASSERT_TRUE(store_->set("key", "value"));
  ASSERT_TRUE(store_->close());
  options_.accept_clock_jump = true;
  for (const std::int64_t wall_ms : {std::int64_t{-100'000}, std::int64_t{0}, std::int64_t{-1}, INT64_MIN,
                                     INT64_MAX, INT64_MIN / 2, std::int64_t{1'700'000'000'000}}) {
    clock_.set_wall_ms(wall_ms);
    for (int round = 0; round < 3; ++round) {
      open();
      ASSERT_TRUE(store_->set("key", std::to_string(wall_ms)));
      EXPECT_EQ(store_->get("key")->data, std::to_string(wall_ms));
      if (round == 0) {
        ASSERT_TRUE(store_->close());
        store_.reset();
      } else {
        cut_power();
      }
      const auto loaded = engine::ManifestFile(*disk_, kStoreDirectory).load(nullptr);
      ASSERT_TRUE(loaded) << wall_ms << ": " << loaded.status().message();
      auto verification = engine::verify_store(*disk_, kStoreDirectory, {});
      ASSERT_TRUE(verification) << verification.status().message();
      EXPECT_TRUE(verification->is_clean()) << wall_ms;
    }
  }
}

// What was accepted is written down, also where the clock is from before 1970.
TEST_F(TimeLeadTest, AnAcceptedClockFromBefore1970NeedsNoSecondConsent) {
  open();
  ASSERT_TRUE(store_->set("key", "value"));
  ASSERT_TRUE(store_->close());
  clock_.set_wall_ms(-100'000);
  ASSERT_EQ(try_open().code(), StatusCode::kRefused);
  options_.accept_clock_jump = true;
  open();
  options_.accept_clock_jump = false;
  cut_power();
  open();
  EXPECT_EQ(store_->get("key")->data, "value");
}

}  // namespace
}  // namespace minikv::sim
