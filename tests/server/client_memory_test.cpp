// The memory for clients is shared out so that small requests and one large one always find some.
#include "server/memory/client_memory.h"

#include <gtest/gtest.h>

#include "minikv/options.h"
#include "server/memory/session_memory.h"

namespace minikv::server {
namespace {

using Grade = ClientMemory::Grade;
using Taken = SessionMemory::Taken;

TEST(ClientMemoryTest, EachPartIsForThoseThatItIsFor) {
  ClientMemory memory(80 * kMiB);
  EXPECT_TRUE(memory.try_take(35 * kMiB, Grade::kAny));
  EXPECT_FALSE(memory.try_take(1, Grade::kAny));
  EXPECT_FALSE(memory.is_used_up());
  EXPECT_TRUE(memory.try_take(10 * kMiB, Grade::kSmall)) << "small requests have some left";
  EXPECT_FALSE(memory.try_take(1, Grade::kSmall));
  EXPECT_TRUE(memory.is_used_up());
  EXPECT_TRUE(memory.try_take(5 * kMiB, Grade::kEmpty)) << "and so have connections that hold nothing";
  EXPECT_FALSE(memory.try_take(1, Grade::kEmpty));
  EXPECT_TRUE(memory.try_take(30 * kMiB, Grade::kFirst)) << "and so has the one that waits longest";
  EXPECT_FALSE(memory.try_take(1, Grade::kFirst));
  EXPECT_EQ(memory.used(), memory.limit());
  memory.give_back(50 * kMiB, 30 * kMiB);
  EXPECT_EQ(memory.used(), 0U);
}

TEST(ClientMemoryTest, AShareIsGivenBackAtTheEndOfItsLife) {
  ClientMemory memory(80 * kMiB);
  {
    MemoryShare share(memory);
    EXPECT_TRUE(share.try_add(kMiB));
    EXPECT_TRUE(share.try_add(kMiB, Grade::kFirst));
    share.set(100 * kMiB);
    EXPECT_EQ(memory.used(), 100 * kMiB) << "what is there counts, whether or not there was room";
    share.set(3);
    EXPECT_EQ(memory.used(), 3U);
  }
  EXPECT_EQ(memory.used(), 0U);
}

class SessionMemoryTest : public testing::Test {
 protected:
  ClientMemory memory_{80 * kMiB};
  SessionMemory a_{memory_}, b_{memory_}, c_{memory_};
};

TEST_F(SessionMemoryTest, WhatNoRequestMayHoldIsNeverGiven) {
  EXPECT_EQ(a_.take(30 * kMiB + 1), Taken::kNever);
  EXPECT_EQ(a_.take(20 * kMiB, 11 * kMiB), Taken::kNever) << "with what it has already";
  EXPECT_FALSE(a_.waits());
}

TEST_F(SessionMemoryTest, WhoHasWaitedLongestGetsTheRest) {
  ASSERT_EQ(a_.take(30 * kMiB), Taken::kYes);
  a_.settle(30 * kMiB, false);
  ASSERT_EQ(b_.take(30 * kMiB), Taken::kYes) << "there is room for one more, as the first in the queue";
  b_.settle(30 * kMiB, true);
  EXPECT_EQ(c_.take(30 * kMiB), Taken::kLater) << "which b still is: it goes on";
  EXPECT_TRUE(c_.waits());
  EXPECT_TRUE(a_.is_wanted_by_others());
  b_.settle(0, false);
  EXPECT_EQ(c_.take(30 * kMiB), Taken::kYes);
  EXPECT_FALSE(c_.waits());
  c_.settle(0, false);
  EXPECT_EQ(memory_.waiting(), 0U);
}

TEST_F(SessionMemoryTest, SmallRequestsGoPastLargeOnesThatWait) {
  ASSERT_TRUE(memory_.try_take(35 * kMiB, Grade::kAny));
  ASSERT_TRUE(memory_.try_take(29 * kMiB, Grade::kFirst));
  ASSERT_EQ(a_.take(10 * kMiB), Taken::kLater);
  EXPECT_EQ(b_.take(64 * 1024), Taken::kYes);
  memory_.give_back(35 * kMiB, 29 * kMiB);
}

TEST_F(SessionMemoryTest, WhereAllIsUsedUpOnlyConnectionsThatHoldNothingGetSome) {
  b_.settle(64 * 1024, false);
  ASSERT_TRUE(memory_.try_take(35 * kMiB - 64 * 1024, Grade::kAny));
  ASSERT_TRUE(memory_.try_take(10 * kMiB, Grade::kSmall));
  ASSERT_TRUE(memory_.is_used_up());
  EXPECT_TRUE(a_.try_take(1));
  EXPECT_FALSE(b_.try_take(1));
  EXPECT_TRUE(a_.has_no_room_for(64 * 1024)) << "it holds nothing, and is not to begin now";
  EXPECT_FALSE(b_.has_no_room_for(64 * 1024)) << "that is what it holds";
  EXPECT_TRUE(b_.has_no_room_for(64 * 1024 + 1));
  EXPECT_FALSE(a_.has_no_room_for(1000));
  memory_.give_back(45 * kMiB - 64 * 1024, 0);
  EXPECT_FALSE(b_.has_no_room_for(64 * 1024 + 1));
}

TEST_F(SessionMemoryTest, WhoeverWaitsIsToldWhenThereIsSome) {
  int told = 0;
  memory_.on_change([&told] { ++told; });
  a_.settle(40 * kMiB, false);
  ASSERT_TRUE(memory_.try_take(29 * kMiB, Grade::kFirst));
  ASSERT_EQ(b_.take(10 * kMiB), Taken::kLater);
  EXPECT_EQ(told, 0);
  a_.settle(0, false);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(b_.take(10 * kMiB), Taken::kYes);
  b_.settle(0, false);
  a_.settle(kMiB, false);
  a_.settle(0, false);
  EXPECT_EQ(told, 1) << "nobody waits any more";
  memory_.give_back(0, 29 * kMiB);
}

}  // namespace
}  // namespace minikv::server
