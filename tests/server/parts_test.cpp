// The small parts of the server, each by itself.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/commands/arguments.h"
#include "server/commands/glob.h"
#include "server/errors.h"
#include "server/input_buffer.h"
#include "server/output_buffer.h"

namespace minikv::server {

TEST(GlobTest, PatternsMatchAsInRedis) {
  const struct {
    std::string_view pattern;
    std::string_view text;
    bool matches;
  } kCases[] = {
      {"*", "", true},
      {"*", "anything", true},
      {"", "", true},
      {"", "a", false},
      {"port", "port", true},
      {"port", "ports", false},
      {"p*t", "port", true},
      {"p*t", "ports", false},
      {"*o*", "port", true},
      {"p??t", "port", true},
      {"p?t", "port", false},
      {"[pq]ort", "port", true},
      {"[a-c]ort", "port", false},
      {"[^a-c]ort", "port", true},
      {"[^p]ort", "port", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"a**b", "ab", true},
      {"*ab", "aab", true},
      {"[", "a", false},
      {"[]", "a", false},
      {"a[b-", "ab", true},
      {"max-*-bytes", "max-key-bytes", true},
      {"[a-]]", "b]", false},  // a range up to `]`, and no end
      {"[a-]", "_", true},
      {"[z-a]", "m", true},
      {"[aab]c", "ac", true},
      {"[\\]]", "]", true},
      {"[a\\-z]", "-", true},
      {"[a\\-z]", "m", false},
      {"\\", "\\", true},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(glob_matches(one.pattern, one.text, GlobCase::kMatters), one.matches)
        << one.pattern << " on " << one.text;
  }
}

// Backtracking into every star would take longer than this test may.
TEST(GlobTest, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*a";
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(5000, 'a'), GlobCase::kMatters));
}

TEST(GlobTest, LettersAreTheSameInAnyCaseOnlyWhereThatIsAsked) {
  EXPECT_FALSE(glob_matches("P[O]rt", "port", GlobCase::kMatters));
  EXPECT_TRUE(glob_matches("P[O]rt", "port", GlobCase::kIgnored));
}

TEST(GlobTest, WhatAMatchBeginsWith) {
  EXPECT_EQ(glob_literal_prefix("user:*"), "user:");
  EXPECT_EQ(glob_literal_prefix("*"), "");
  EXPECT_EQ(glob_literal_prefix("plain"), "plain");
  EXPECT_EQ(glob_literal_prefix("a\\*b"), "a");
}

TEST(ErrorsTest, EngineErrorsAreToldInBothDialects) {
  const struct {
    StatusCode code;
    std::string_view text_code;
    std::string_view resp_code;
  } kCases[] = {
      {StatusCode::kNotFound, "NOTFOUND", "NOTFOUND"}, {StatusCode::kCorruption, "CORRUPT", "CORRUPT"},
      {StatusCode::kIoError, "IOERR", "IOERR"},        {StatusCode::kDiskFull, "DISKFULL", "MISCONF"},
      {StatusCode::kReadOnly, "IOERR", "MISCONF"},     {StatusCode::kShutdown, "SHUTDOWN", "ERR"},
  };
  for (const auto& one : kCases) {
    const protocol::ErrorReply error = error_from(Status(one.code, "what happened"));
    EXPECT_EQ(protocol::error_code_name(error.code), one.text_code);
    EXPECT_TRUE(error.resp.starts_with(one.resp_code)) << error.resp;
  }
}

TEST(InputBufferTest, BytesStayInOrderHoweverMuchArrivesAndIsUsed) {
  BlockPool pool;
  InputBuffer buffer(pool);
  std::string expected;
  unsigned char next = 0;
  for (std::size_t round = 0; round < 2000; ++round) {
    const std::span<char> room = buffer.prepare();
    ASSERT_FALSE(room.empty());
    const std::size_t arrived = std::min<std::size_t>(room.size(), round * 37 % 5000 + 1);
    for (std::size_t i = 0; i < arrived; ++i) {
      room[i] = static_cast<char>(next);
      expected += static_cast<char>(next++);
    }
    buffer.commit(arrived);
    ASSERT_EQ(buffer.view(), expected);
    const std::size_t used = std::min(expected.size(), round * 53 % 5000);
    buffer.consume(used);
    expected.erase(0, used);
    buffer.release_if_empty();
  }
}

// Room is twice of what has arrived at most: a length that a client only promises costs nothing.
TEST(InputBufferTest, MemoryGrowsWithWhatArrives) {
  BlockPool pool;
  InputBuffer buffer(pool);
  std::size_t arrived = 0;
  while (arrived < 10'000'000) {
    const std::size_t room = buffer.prepare().size();
    EXPECT_LE(room + arrived, std::max<std::size_t>(2 * arrived + 8192, BlockPool::kBlockBytes));
    buffer.commit(room);
    arrived += room;
  }
}

TEST(OutputBufferTest, WhatWasSentIsNotSentAgain) {
  OutputBuffer buffer;
  std::string sent;
  std::string all;
  for (int round = 0; round < 500; ++round) {
    const std::string more(10'000, static_cast<char>('a' + round % 26));
    buffer.bytes() += more;
    all += more;
    const std::string_view part = buffer.unsent().substr(0, 7'000);
    sent += part;
    buffer.mark_sent(part.size());
    ASSERT_EQ(buffer.size() + sent.size(), all.size());
  }
  sent += buffer.unsent();
  buffer.mark_sent(buffer.unsent().size());
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(sent == all);
}

TEST(ExpiryTest, TimesThatDoNotFitAreRefused) {
  constexpr std::int64_t kNow = 1'700'000'000'000;
  EXPECT_FALSE(make_expiry(0, 1000, Expiry::Kind::kIn, kNow));
  EXPECT_FALSE(make_expiry(-1, 1, Expiry::Kind::kAt, kNow));
  EXPECT_FALSE(make_expiry(INT64_MAX / 1000 + 1, 1000, Expiry::Kind::kAt, kNow));
  EXPECT_FALSE(make_expiry(INT64_MAX - kNow + 1, 1, Expiry::Kind::kIn, kNow));
  EXPECT_TRUE(make_expiry(INT64_MAX - kNow, 1, Expiry::Kind::kIn, kNow));
  EXPECT_EQ(make_expiry(2, 1000, Expiry::Kind::kIn, kNow)->resolve(kNow, kNoExpiry), kNow + 2000);
  EXPECT_EQ((Expiry{Expiry::Kind::kAsBefore, 0}.resolve(kNow, 42)), 42);
  // The clock may have gone on since the length was checked.
  EXPECT_EQ((Expiry{Expiry::Kind::kIn, INT64_MAX - kNow}.resolve(kNow + 5, kNoExpiry)), INT64_MAX);
}

}  // namespace minikv::server
