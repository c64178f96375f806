// When a read may go through the mapping: what was once in memory is trusted for as long as the kernel takes
// nothing away.
#include "engine/segment/resident_pages.h"

#include <gtest/gtest.h>

#include "engine/format/layout.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

class ResidentPagesTest : public ::testing::Test {
 protected:
  bool is_resident(std::uint64_t page) { return resident_.has(marks_, page * kPageBytes, 1); }
  void touch(std::uint64_t page) { resident_.touch(marks_, page * kPageBytes, 1); }
  // Somebody asks meanwhile, or nobody would look for faults.
  void pass(std::int64_t ms) {
    for (std::int64_t passed = 0; passed < ms; passed += 5) {
      clock_.advance_ms(5);
      is_resident(0);
    }
  }

  sim::SimClock clock_;
  sim::SimFileSystem files_;
  PageMarks marks_{100 * kPageBytes};
  ResidentPages resident_{clock_, files_};
};

TEST_F(ResidentPagesTest, NothingIsWarmThatWasNeverTouched) {
  for (std::uint64_t page = 0; page < 100; ++page) EXPECT_FALSE(is_resident(page)) << page;
}

TEST_F(ResidentPagesTest, WhatWasTouchedStaysWarmWhileNothingIsTakenAway) {
  touch(3);
  pass(3'600'000);
  EXPECT_TRUE(is_resident(3));
  EXPECT_FALSE(is_resident(4));
}

TEST_F(ResidentPagesTest, ARangeIsWarmIfAllOfItsPagesAre) {
  resident_.touch(marks_, 10 * kPageBytes + 100, 2 * kPageBytes);  // three pages
  EXPECT_TRUE(resident_.has(marks_, 10 * kPageBytes, 3 * kPageBytes));
  EXPECT_TRUE(resident_.has(marks_, 12 * kPageBytes, 0));
  EXPECT_FALSE(resident_.has(marks_, 10 * kPageBytes, 3 * kPageBytes + 1));
  EXPECT_FALSE(resident_.has(marks_, 10 * kPageBytes - 1, 2));
}

TEST_F(ResidentPagesTest, WhatIsBeyondTheFileIsNeverWarm) {
  resident_.touch(marks_, 99 * kPageBytes, 3 * kPageBytes);
  EXPECT_TRUE(is_resident(99));
  EXPECT_FALSE(is_resident(100));
  EXPECT_FALSE(resident_.has(marks_, 99 * kPageBytes, 2 * kPageBytes));
}

TEST_F(ResidentPagesTest, AfterAMajorFaultNothingOldIsWarmAndWhatIsTouchedIsForATenthOfASecond) {
  touch(3);
  pass(1'000);
  files_.note_page_fault_elsewhere();
  pass(15);
  EXPECT_FALSE(is_resident(3));
  touch(4);
  EXPECT_TRUE(is_resident(4));
  pass(40);
  EXPECT_TRUE(is_resident(4));
  pass(110);
  EXPECT_FALSE(is_resident(4));
}

TEST_F(ResidentPagesTest, WhileCarefulNothingIsWarmAfterALongSilence) {
  pass(100);
  files_.note_page_fault_elsewhere();
  pass(100);
  touch(4);
  clock_.advance_ms(1'000);  // nobody asks
  EXPECT_FALSE(is_resident(4));
}

TEST_F(ResidentPagesTest, AfterAWhileWithoutFaultsPagesAreTrustedAgain) {
  files_.note_page_fault_elsewhere();
  pass(6'000);
  touch(3);
  pass(10'000);
  EXPECT_TRUE(is_resident(3));
}

// Where memory is short for long, every return to trust costs a read its wait: so there must be fewer and
// fewer.
TEST_F(ResidentPagesTest, WhereFaultsComeBackItStaysCarefulForLonger) {
  int trusted = 0;
  for (int second = 0; second < 600; ++second) {
    pass(1'000);
    touch(3);
    pass(500);
    if (!is_resident(3)) continue;
    ++trusted;
    files_.note_page_fault_elsewhere();
  }
  EXPECT_GE(trusted, 5);
  EXPECT_LE(trusted, 25);
}

}  // namespace
}  // namespace minikv::engine
