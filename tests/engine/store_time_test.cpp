// Engine time and the wall clock: what one says is converted to the other, there and back, and engine time
// keeps what it promises whatever happens to the clock.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>

#include <gtest/gtest.h>

#include "engine/base/engine_clock.h"
#include "tests/support/sim_clock.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kWall = 1'700'000'000'000;
constexpr TimeLead kHalfAnHour{kWall, kWall + 30 * kMinuteMs};

class Random {
 public:
  explicit Random(std::uint64_t seed) : numbers_(seed) {}
  std::int64_t below(std::int64_t end) {
    return std::uniform_int_distribution<std::int64_t>(0, end - 1)(numbers_);
  }

 private:
  std::mt19937_64 numbers_;
};

// ---- conversion ----

TEST(StoreTimeTest, WithoutOneBothTimesAreTheSame) {
  for (const std::int64_t time : {INT64_MIN, std::int64_t{0}, kWall, INT64_MAX}) {
    EXPECT_EQ(TimeLead().to_engine(time), time);
    EXPECT_EQ(TimeLead().to_wall(time), time);
  }
}

TEST(StoreTimeTest, WhatIsFarOffIsTheSameByBothClocks) {
  EXPECT_EQ(kHalfAnHour.ends_ms(), kWall + 3000 * kMinuteMs);
  for (const std::int64_t time : {kHalfAnHour.ends_ms(), kHalfAnHour.ends_ms() + 1, INT64_MAX}) {
    EXPECT_EQ(kHalfAnHour.to_engine(time), time);
    EXPECT_EQ(kHalfAnHour.to_wall(time), time);
  }
  EXPECT_EQ(kHalfAnHour.to_engine(kHalfAnHour.ends_ms() - 1), kHalfAnHour.ends_ms());
}

TEST(StoreTimeTest, TheOrderOfMomentsStaysAndNoneIsConvertedToAnEarlierOne) {
  std::int64_t last = INT64_MIN;
  for (std::int64_t wall = kWall - 3000; wall < kWall + 100'000; ++wall) {
    const std::int64_t engine = kHalfAnHour.to_engine(wall);
    ASSERT_GE(engine, last);
    if (wall >= kWall) {
      ASSERT_GE(engine * 100, kHalfAnHour.engine_centi_ms(wall)) << wall;
    }
    last = engine;
  }
  EXPECT_EQ(kHalfAnHour.to_engine(INT64_MIN), INT64_MIN + 30 * kMinuteMs);
  EXPECT_LT(kHalfAnHour.to_wall(INT64_MIN), kWall);
}

TEST(StoreTimeTest, ThereAndBackIsExactForSecondsAndToAMillisecondForAll) {
  Random random(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto ahead = 1 + random.below(10'000'000);
    const TimeLead lead{kWall + random.below(1000), kWall + 1000 + ahead};
    const std::int64_t wall = lead.wall_ms + random.below(2'000'000'000) - 1'000'000;
    ASSERT_LE(std::abs(lead.to_wall(lead.to_engine(wall)) - wall), 1) << wall << " " << lead.engine_ms;
    const std::int64_t second = wall - wall % 1000;
    ASSERT_EQ(lead.to_wall(lead.to_engine(second)), second) << lead.wall_ms << " " << lead.engine_ms;
  }
}

// ---- the clock ----

class EngineClockTest : public testing::Test {
 protected:
  std::int64_t now() { return clock_.now_ms(); }
  std::int64_t wall() const { return machine_.wall_ms(); }
  std::int64_t ahead() { return clock_.now().ahead_ms(); }
  // As when nobody looks for a while, and as when somebody looks all the time.
  void pass(std::int64_t ms, std::int64_t step = 1000) {
    for (; ms > 0; ms -= step) {
      machine_.advance_ms(std::min(ms, step));
      (void)now();
    }
  }
  // Ahead for a second, then right.
  void be_ahead_for_a_second(std::int64_t ms) {
    (void)now();
    machine_.jump_wall_ms(ms);
    pass(1000);
    machine_.jump_wall_ms(-ms);
  }

  sim::SimClock machine_;
  EngineClock clock_{machine_};
};

TEST_F(EngineClockTest, IsTheWallClockAsLongAsThatGoesOn) {
  for (int i = 0; i < 1000; ++i) {
    pass(7);
    EXPECT_EQ(now(), wall());
  }
  machine_.jump_wall_ms(kMinuteMs);
  EXPECT_EQ(now(), wall());
  EXPECT_FALSE(clock_.now().lead.exists());
  EXPECT_EQ(clock_.changes(), 0u);
}

TEST_F(EngineClockTest, WaitsForAClockThatLagsALittleWithoutAWord) {
  const std::int64_t before = now();
  machine_.jump_wall_ms(-15);
  EXPECT_EQ(now(), before);
  pass(15, 1);
  EXPECT_EQ(now(), wall());
  EXPECT_EQ(clock_.changes(), 0u);
}

TEST_F(EngineClockTest, GoesOnePerCentSlowUntilTheClockHasCaughtUp) {
  be_ahead_for_a_second(30 * kMinuteMs);
  EXPECT_LE(std::abs(ahead() - (30 * kMinuteMs)), 1);
  EXPECT_EQ(clock_.changes(), 1u);
  for (const std::int64_t step : {1, 10, 137, 1000, 60'000}) {
    const std::int64_t engine = now(), before = ahead();
    pass(600'000, step);
    EXPECT_LE(std::abs(now() - engine - (594'000)), 1);
    EXPECT_LE(std::abs(before - ahead() - 6000), 1);
  }
  pass(3000 * kMinuteMs - 5 * 600'000 - 1000, 60'000);
  EXPECT_GT(ahead(), 0);
  pass(2000);
  EXPECT_EQ(ahead(), 0);
  EXPECT_EQ(now(), wall());
  EXPECT_EQ(clock_.changes(), 2u);
}

TEST_F(EngineClockTest, WhatIsConvertedOnceIsConvertedAlikeEverAfter) {
  be_ahead_for_a_second(30 * kMinuteMs);
  const std::int64_t in_ten_minutes = wall() + 600'000;
  const std::int64_t engine = clock_.now().to_engine(in_ten_minutes);
  for (int i = 0; i < 599; ++i) {
    pass(1000, 1 + i % 90);
    ASSERT_EQ(clock_.now().to_engine(in_ten_minutes), engine);
    ASSERT_LT(now(), engine);
  }
  pass(999);
  EXPECT_LT(now(), engine);
  pass(1);
  EXPECT_EQ(now(), engine);
}

TEST_F(EngineClockTest, AClockThatIsSetForwardEatsTheLeadUp) {
  be_ahead_for_a_second(30 * kMinuteMs);
  const std::int64_t before = now();
  machine_.jump_wall_ms(10 * kMinuteMs);
  EXPECT_LE(std::abs(now() - before), 1);
  EXPECT_LE(std::abs(ahead() - (20 * kMinuteMs)), 1);
  machine_.jump_wall_ms(25 * kMinuteMs);
  EXPECT_EQ(now(), wall());
  EXPECT_EQ(ahead(), 0);
}

TEST_F(EngineClockTest, NeverStepsBackAndNeverLosesMoreThanOnePerCentWhateverTheClockDoes) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    std::int64_t last = now();
    for (int i = 0; i < 100; ++i) {
      const auto passed = random.below(5000);
      machine_.advance_ms(passed);
      if (random.below(4) == 0) machine_.jump_wall_ms(random.below(4'000'000) - 2'000'000);
      if (random.below(4) == 0) machine_.jump_wall_ms(random.below(60) - 30);
      const StoreTime time = clock_.now();
      ASSERT_GE(time.engine_ms, last + passed * 99 / 100 - 20 - passed / 1000 - 1);
      ASSERT_GE(time.engine_ms, last);
      ASSERT_GE(time.engine_ms, machine_.wall_ms());
      ASSERT_LE(std::abs(time.lead.to_engine(time.wall_ms) - (time.engine_ms)), 41 + passed / 1000);
      last = time.engine_ms;
    }
  }
}

// ---- across restarts ----

class EngineClockRestartTest : public EngineClockTest {
 protected:
  void SetUp() override {
    be_ahead_for_a_second(30 * kMinuteMs);
    pass(5000);
    recorded_ = clock_.record({});
    ASSERT_TRUE(recorded_.lead.exists());
    last_ = now();
  }
  StoreTime resume() {
    next_.resume(last_, recorded_);
    return next_.now();
  }

  LeadRecord recorded_;
  std::int64_t last_ = 0;
  EngineClock next_{machine_};
};

TEST_F(EngineClockRestartTest, TheLineGoesOnWhileTheStoreIsClosed) {
  machine_.advance_ms(100'000);
  const StoreTime time = resume();
  EXPECT_EQ(time.lead, recorded_.lead);
  EXPECT_LE(std::abs(time.engine_ms - (last_ + 99'000)), 1);
  EXPECT_EQ(next_.record(recorded_), recorded_);
}

TEST_F(EngineClockRestartTest, AClockThatIsSetRightMeanwhileEndsTheLead) {
  machine_.advance_ms(100'000);
  machine_.jump_wall_ms(30 * kMinuteMs);
  const StoreTime time = resume();
  EXPECT_FALSE(time.lead.exists());
  EXPECT_EQ(time.engine_ms, machine_.wall_ms());
  EXPECT_EQ(next_.record(recorded_), LeadRecord());
}

TEST_F(EngineClockRestartTest, AClockThatIsSetBackMeanwhileGivesALongerOne) {
  machine_.advance_ms(100'000);
  machine_.jump_wall_ms(-10 * kMinuteMs);
  const StoreTime time = resume();
  EXPECT_LE(std::abs(time.ahead_ms() - (40 * kMinuteMs - 1050)), 20);
  EXPECT_LE(std::abs(time.engine_ms - (last_ + 99'000)), 60);
  EXPECT_NE(next_.record(recorded_), recorded_);
}

TEST_F(EngineClockRestartTest, OnAnotherMachineNothingExpiresEarly) {
  recorded_.boot = 99;
  machine_.advance_ms(100'000);
  const StoreTime time = resume();
  EXPECT_EQ(time.engine_ms, last_);
  EXPECT_LE(std::abs(time.ahead_ms() - (30 * kMinuteMs - 100'000)), 100);
}

TEST_F(EngineClockRestartTest, OnceTheClockHasCaughtUpNothingIsLeft) {
  machine_.advance_ms(4000 * kMinuteMs);
  EXPECT_FALSE(resume().lead.exists());
  EXPECT_EQ(next_.now_ms(), machine_.wall_ms());
}

TEST_F(EngineClockRestartTest, ATimeThatIsAheadOfTheRecordCounts) {
  last_ += 10 * kMinuteMs;
  machine_.advance_ms(1000);
  const StoreTime time = resume();
  EXPECT_EQ(time.engine_ms, last_);
  EXPECT_NE(time.lead, recorded_.lead);
}

}  // namespace
}  // namespace minikv::engine
