// Work on a worker's thread: how long it may take.
#include "server/request/aside.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace minikv::server {
namespace {

class AsideTest : public testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kLimit{300};

  // Goes on, as work does, until it may not any more. How long that was.
  static Aside::Clock::duration work(Aside& aside) {
    const auto began = Aside::Clock::now();
    while (aside.may_go_on()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Aside::Clock::now() - began;
  }

  ClientMemory memory_{std::uint64_t{1} << 26};
  CancelFlag cancelled_ = std::make_shared<std::atomic<bool>>(false);
  Aside aside_{memory_, cancelled_, Aside::Clock::now() + kLimit, kLimit};
};

TEST_F(AsideTest, WorkEndsAtItsLimit) {
  aside_.begin_slice();
  const auto took = work(aside_);
  EXPECT_GE(took, kLimit - std::chrono::milliseconds(50));
  EXPECT_FALSE(aside_.may_go_on()) << "it stays so";
  EXPECT_TRUE(aside_.error().has_message());
}

// A pause stands for a process that was stopped, between two looks at the time.
TEST_F(AsideTest, TimeInWhichTheProcessDidNotRunIsNotCounted) {
  aside_.begin_slice();
  ASSERT_TRUE(aside_.may_go_on());
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_TRUE(aside_.may_go_on());
  EXPECT_LT(work(aside_), std::chrono::seconds(10)) << "and the limit holds behind it";
}

TEST_F(AsideTest, WaitingForAThreadIsCounted) {
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  aside_.begin_slice();
  EXPECT_FALSE(aside_.may_go_on());
}

TEST_F(AsideTest, WorkWithoutALimitHasNone) {
  Aside aside(memory_, cancelled_, Aside::Clock::time_point::max(), kLimit);
  aside.begin_slice();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_TRUE(aside.may_go_on());
  *cancelled_ = true;
  EXPECT_FALSE(aside.may_go_on());
}

}  // namespace
}  // namespace minikv::server
