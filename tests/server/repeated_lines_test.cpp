// A line that comes again and again is told once, and then with a count.
#include "server/log/repeated_lines.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minikv::server {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr int kWarning = 3;
constexpr int kError = 4;

class RepeatedLinesTest : public ::testing::Test {
 protected:
  bool take(const std::string& text, int at_s, int level = kWarning) {
    return lines_.take(level, text, start_ + seconds(at_s));
  }
  std::vector<RepeatedLines::Count> due(int at_s) { return lines_.take_due(start_ + seconds(at_s)); }

  const RepeatedLines::Clock::time_point start_ = RepeatedLines::Clock::now();
  RepeatedLines lines_;
};

TEST_F(RepeatedLinesTest, TheFirstIsToldAndTheOthersAreCounted) {
  EXPECT_TRUE(take("client 1 (127.0.0.1:5000) closed", 0));
  EXPECT_FALSE(take("client 2 (127.0.0.1:5001) closed", 1));
  EXPECT_FALSE(take("client 31 (127.0.0.1:62) closed", 9));
  EXPECT_TRUE(due(9).empty());
  const auto told = due(10);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].level, kWarning);
  EXPECT_THAT(told[0].text, HasSubstr("client 31 (127.0.0.1:62) closed"));
  EXPECT_THAT(told[0].text, HasSubstr("2 lines"));
  EXPECT_TRUE(due(30).empty());
}

TEST_F(RepeatedLinesTest, OneMoreIsToldAsItWas) {
  EXPECT_TRUE(take("a 1", 0));
  EXPECT_FALSE(take("a 2", 1));
  const auto told = due(11);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].text, "a 2");
}

TEST_F(RepeatedLinesTest, OtherLinesAndOtherLevelsAreOthers) {
  EXPECT_TRUE(take("a 1", 0));
  EXPECT_TRUE(take("b 1", 0));
  EXPECT_TRUE(take("a 1", 0, kError));
  EXPECT_FALSE(take("a 17", 0, kError));
}

TEST_F(RepeatedLinesTest, ALineThatComesSeldomIsAlwaysTold) {
  for (int at = 0; at < 100; at += 10) EXPECT_TRUE(take("a " + std::to_string(at), at)) << at;
  EXPECT_TRUE(due(1'000).empty());
}

TEST_F(RepeatedLinesTest, SaysWhenItHasSomethingToSay) {
  EXPECT_TRUE(take("a", 0));
  EXPECT_FALSE(lines_.next_due());
  EXPECT_FALSE(take("a", 3));
  ASSERT_TRUE(lines_.next_due());
  EXPECT_EQ(*lines_.next_due(), start_ + seconds(10));
  EXPECT_EQ(lines_.take_all().size(), 1U);
  EXPECT_FALSE(lines_.next_due());
}

TEST_F(RepeatedLinesTest, WhereTooManyAreWatchedTheyAreTold) {
  const auto name = [](std::size_t i) { return std::string(i + 1, 'x'); };
  for (std::size_t i = 0; i < RepeatedLines::kMaxShapes; ++i) EXPECT_TRUE(take(name(i), 0));
  EXPECT_TRUE(take("one more", 1));
  EXPECT_TRUE(take("one more", 1));
  EXPECT_FALSE(take(name(0), 1));
  EXPECT_TRUE(take("one more", 20)) << "in the place of one that is over";
  EXPECT_FALSE(take("one more", 21));
}

}  // namespace
}  // namespace minikv::server
