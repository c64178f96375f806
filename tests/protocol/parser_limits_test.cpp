// Limits, in both dialects: each has its error, and the stream is in step behind it.
#include <string>

#include <gtest/gtest.h>

#include "tests/protocol/conversation.h"

namespace minikv::protocol::testing {
namespace {

using namespace std::string_literals;

constexpr std::string_view kLineTooLong =
    "error -TOOLONG a line holds at most 10 bytes; put takes longer values";

ParserLimits short_lines() {
  ParserLimits limits;
  limits.max_line_bytes = 10;
  return limits;
}

TEST(ParserLimitsTest, ALineMayBeAsLongAsTheLimitWithoutItsEnd) {
  for (const char* end : {"\n", "\r\n"}) {
    EXPECT_EQ(parse("set k 4567"s + end, short_lines()), Results{"set <k> <4567>"});
    const std::string longer = "set k 45678"s + end + "ping\n";
    const Results expected{std::string(kLineTooLong), "ping"};
    EXPECT_EQ(parse(longer, short_lines()), expected);
    EXPECT_EQ(parse_in_pieces(longer, 1, short_lines()), expected);
  }
  EXPECT_EQ(parse("set k 4567\r8\nping\n", short_lines()), (Results{std::string(kLineTooLong), "ping"}));
}

TEST(ParserLimitsTest, ALineThatIsTooLongIsThrownAwayAsItArrives) {
  Conversation conversation(short_lines());
  conversation.send("set k 45678");
  EXPECT_EQ(conversation.results(), Results{std::string(kLineTooLong)}) << "answered at once";
  for (int i = 0; i < 1000; ++i) {
    conversation.send("get a * 1 \r \0"s);
    ASSERT_EQ(conversation.kept_bytes(), 0u);
  }
  conversation.send("\nping\n");
  EXPECT_EQ(conversation.results(), (Results{std::string(kLineTooLong), "ping"}));
}

TEST(ParserLimitsTest, ALongLineOfHttpClosesAllTheSame) {
  EXPECT_EQ(parse("POST /aaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\n", short_lines()), Results{"close"});
  EXPECT_EQ(parse("Host: aaaaaaaaaaaaaaaaaaaaaaaa\n", short_lines()), Results{"close"});
}

TEST(ParserLimitsTest, KeysAndValuesAreHeldToTheirLimitsInBothDialects) {
  ParserLimits limits;
  limits.max_key_bytes = 3;
  limits.max_value_bytes = 5;
  const std::string key = "error -TOOLONG a key holds at most 3 bytes";
  const std::string value = "error -TOOLONG a value holds at most 5 bytes";
  EXPECT_EQ(parse("set abc 12345\nset abcd 1\nset abc 123456\nmget a abcd\nput abcd 1\nx\nping\n", limits),
            (Results{"set <abc> <12345>", key, value, key, key, "ping"}));
  EXPECT_EQ(parse("echo 1234567\nlist abcdef\nhelp setex\n", limits),
            (Results{"echo <1234567>", "list <abcdef>", "help <setex>"}));
  EXPECT_EQ(parse(resp({"SET", "abc", "12345"}) + resp({"SET", "abcd", "1"}) +
                      resp({"SET", "abc", "123456"}) + resp({"MSET", "a", "1", "b", "123456"}) +
                      resp({"MSET", "a", "1", "abcd", "1"}) + resp({"ECHO", "12345678"}),
                  limits),
            (Results{"*set <abc> <12345>", "*error ERR a key holds at most 3 bytes",
                     "*error ERR string exceeds maximum allowed size (proto-max-bulk-len)",
                     "*error ERR string exceeds maximum allowed size (proto-max-bulk-len)",
                     "*error ERR a key holds at most 3 bytes", "*echo <12345678>"}));
}

TEST(ParserLimitsTest, TheLongestKeyHas65535Bytes) {
  const std::string key(65'535, 'k');
  EXPECT_EQ(parse("get " + key + "\n"), Results{"get <" + key + ">"});
  EXPECT_EQ(parse("get " + key + "k\n"), Results{"error -TOOLONG a key holds at most 65535 bytes"});
}

TEST(ParserLimitsTest, AnOversizeBulkIsSkippedAsItArrives) {
  ParserLimits limits;
  limits.max_value_bytes = 100'000;
  Conversation conversation(limits);
  conversation.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n");
  const std::string piece(100'000, 'x');
  for (int i = 0; i < 100; ++i) {
    conversation.send(piece);
    ASSERT_EQ(conversation.kept_bytes(), 0u);
  }
  conversation.send("\r\n" + resp({"PING"}));
  EXPECT_EQ(conversation.results(),
            (Results{"*error ERR string exceeds maximum allowed size (proto-max-bulk-len)", "*ping"}));
}

TEST(ParserLimitsTest, ARequestIsBoundedAsAWhole) {
  ParserLimits limits;
  limits.max_value_bytes = 100'000;
  limits.max_key_bytes = 0;
  limits.max_request_bytes = 250'000;
  const std::string value(100'000, 'v');
  EXPECT_EQ(
      parse(resp({"ECHO", value}) + resp({"MGET", value, value, value}) + resp({"PING"}), limits).back(),
      "*ping");
  EXPECT_EQ(parse(resp({"MGET", value, value, value}), limits),
            Results{"*error ERR a request holds at most 250000 bytes"});
}

TEST(ParserLimitsTest, TheNumberOfArgumentsIsBounded) {
  ParserLimits limits;
  limits.max_arguments = 3;
  EXPECT_EQ(parse(resp({"MGET", "a", "b"}), limits), Results{"*mget <a> <b>"});
  EXPECT_EQ(parse(resp({"MGET", "a", "b", "c"}), limits),
            Results{"*close ERR Protocol error: invalid multibulk length"});
  EXPECT_EQ(parse("mget a b\nmget a b c\nping\n", limits),
            (Results{"mget <a> <b>", "error -TOOLONG a request holds at most 3 arguments", "ping"}));
}

TEST(ParserLimitsTest, BeforeAuthenticationTheyAreNarrow) {
  ParserLimits limits;
  limits.authenticated = false;
  const std::string big(16 * 1024 + 1, 'x');
  EXPECT_EQ(parse("*10\r\n", limits), Results{});
  EXPECT_EQ(parse("*11\r\n", limits), Results{"*close ERR Protocol error: unauthenticated multibulk length"});
  EXPECT_EQ(parse("*1\r\n$16384\r\n", limits), Results{});
  EXPECT_EQ(parse("*1\r\n$16385\r\n", limits),
            Results{"*close ERR Protocol error: unauthenticated bulk length"});
  EXPECT_EQ(parse("put k 16385\n" + big + "\nping\n", limits),
            (Results{"error -TOOLONG a value holds at most 16384 bytes", "ping"}));
  EXPECT_EQ(parse("set k " + std::string(160 * 1024, 'x') + "\nping\n", limits),
            (Results{"error -TOOLONG a line holds at most 163840 bytes; put takes longer values", "ping"}));
}

TEST(ParserLimitsTest, NewOnesTakeEffectFromTheNextRequest) {
  ParserLimits narrow;
  narrow.authenticated = false;
  Conversation conversation(narrow);
  conversation.send("*1\r\n");
  conversation.parser().set_limits({});
  conversation.send("$16385\r\n");
  EXPECT_EQ(conversation.results(), Results{"*close ERR Protocol error: unauthenticated bulk length"});
}

}  // namespace
}  // namespace minikv::protocol::testing
