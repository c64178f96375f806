// When it pays to stay awake.
#include "engine/base/short_wait.h"

#include <chrono>

#include <gtest/gtest.h>

namespace minikv::engine {
namespace {

using std::chrono::microseconds;

class ShortWaitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "with one processor nobody stays awake";
  }
  void learn() {
    for (int i = 0; i < 16; ++i) wait_.slept(microseconds(20));
  }
  // Whether it stays awake at all, asked without a wait.
  bool stays_awake() {
    return wait_.stay_awake([] { return true; });
  }
  ShortWait wait_;
};

TEST_F(ShortWaitTest, SleepsUntilItHasOftenBeenWokenAtOnce) {
  for (int i = 0; i < 16; ++i) {
    EXPECT_FALSE(stays_awake()) << i;
    wait_.slept(microseconds(20));
  }
  EXPECT_TRUE(stays_awake());
}

TEST_F(ShortWaitTest, OneLongSleepIsEnoughToSleepAgain) {
  learn();
  wait_.slept(std::chrono::milliseconds(1));
  EXPECT_FALSE(stays_awake());
}

TEST_F(ShortWaitTest, StaysAwakeInVainOnceAndNotForLong) {
  learn();
  int asked = 0;
  EXPECT_FALSE(wait_.stay_awake([&] { return ++asked < 0; }));
  EXPECT_GT(asked, 0);
  EXPECT_FALSE(stays_awake());
}

TEST_F(ShortWaitTest, SeesWhatComesMeanwhile) {
  learn();
  int asked = 0;
  EXPECT_TRUE(wait_.stay_awake([&] { return ++asked == 3; }));
}

}  // namespace
}  // namespace minikv::engine
