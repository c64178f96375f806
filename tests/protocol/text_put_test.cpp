// `put`: the line that declares a body, and how the stream gets back into step when it is refused.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/protocol/conversation.h"

namespace minikv::protocol::testing {
namespace {

using namespace std::string_literals;

const std::string kUsage = "put key length [nx | xx] [ex seconds | px ms] [ver n]";

TEST(TextPutTest, TakesAnyBytesAsTheValue) {
  EXPECT_EQ(parse("put k 0\n\n"), Results{"put <k> <>"});
  EXPECT_EQ(parse("put k 3\r\nabc\r\n"), Results{"put <k> <abc>"});
  EXPECT_EQ(parse("put k 3\nabc\r\n"), Results{"put <k> <abc>"});
  EXPECT_EQ(parse("PUT  \"a b\"  3  \n\r\n\n\nping\n"), (Results{R"(put "a b" <\r\n\n>)", "ping"}));
  EXPECT_EQ(parse("put k 8\nget x\n\0\xff\nping\n"s), (Results{"put <k> <get x\\n\\0\xff>", "ping"}));
  EXPECT_EQ(parse("put \"\\x41\" 1\na\n"), Results{R"(put "A" <a>)"});
}

TEST(TextPutTest, TakesOptionsInAnyOrderAndCase) {
  EXPECT_EQ(parse("put k 1 nx\nv\n"), Results{"put <k> <v> <nx>"});
  EXPECT_EQ(parse("put k 1 XX ex 10\nv\n"), Results{"put <k> <v> <XX> <ex> <10>"});
  EXPECT_EQ(parse("put k 1 ver 18446744073709551615 px 9223372036854775807 nx\nv\n"),
            Results{"put <k> <v> <ver> <18446744073709551615> <px> <9223372036854775807> <nx>"});
}

struct BadHeader {
  std::string line;  // without "put ", the body is "ab" + LF
  std::string error;
};

TEST(TextPutTest, SkipsTheBodyOfARefusedLine) {
  const std::vector<BadHeader> cases = {
      {"k 2 zz", "-USAGE " + kUsage + " (unknown option)"},
      {"k 2 3", "-USAGE " + kUsage + " (unknown option)"},
      {"k 2 \"nx\"", "-USAGE " + kUsage + " (unknown option)"},
      {"k 2 nx xx", "-USAGE " + kUsage + " (nx or xx, once)"},
      {"k 2 nx nx", "-USAGE " + kUsage + " (nx or xx, once)"},
      {"k 2 ex 1 px 1", "-USAGE " + kUsage + " (ex or px, once)"},
      {"k 2 ver 1 ver 1", "-USAGE " + kUsage + " (ver, once)"},
      {"k 2 ex", "-USAGE " + kUsage + " (ex and px take a number)"},
      {"k 2 px", "-USAGE " + kUsage + " (ex and px take a number)"},
      {"k 2 ex nx", "-USAGE " + kUsage + " (ex and px take a number)"},
      {"k 2 ex 1.5", "-USAGE " + kUsage + " (ex and px take a number)"},
      {"k 2 ver", "-USAGE " + kUsage + " (ver takes a number)"},
      {"k 2 ver x", "-USAGE " + kUsage + " (ver takes a number)"},
      {"k 2 ver 18446744073709551616", "-USAGE " + kUsage + " (ver takes a number)"},
      {"k 2 ex 0", "-RANGE the expiry is out of range; it counts from now and is at least 1"},
      {"k 2 px -1", "-RANGE the expiry is out of range; it counts from now and is at least 1"},
      {"k 2 ex 9223372036854775807",
       "-RANGE the expiry is out of range; it counts from now and is at least 1"},
      {"\"k\\q\" 2", "-USAGE " + kUsage + R"( (the escapes are \n \r \t \0 \" \\ \xHH))"},
      {"\"k\"x 2", "-USAGE " + kUsage + " (a space must follow a closing quote)"},
      {"k\0k 2"s, "-USAGE " + kUsage + R"( (CR and NUL must be written "\r" and "\0"))"},
      {"k 2 \"nx", "-USAGE " + kUsage + " (a quoted string has no closing quote)"},
  };
  for (const BadHeader& one : cases) {
    SCOPED_TRACE(one.line);
    const std::string bytes = "put " + one.line + "\nab\nping\n";
    EXPECT_EQ(parse(bytes), (Results{"error " + one.error, "ping"}));
    EXPECT_EQ(parse_in_pieces(bytes, 1), (Results{"error " + one.error, "ping"}));
  }
}

TEST(TextPutTest, AnswersABadLineBeforeItsBodyComes) {
  Conversation conversation;
  conversation.send("put k 1000 zz\n");
  EXPECT_EQ(conversation.results().size(), 1u);
  conversation.send(std::string(999, 'x'));
  EXPECT_EQ(conversation.kept_bytes(), 0u) << "a body that is thrown away is not kept";
  conversation.send("x\r\nping\n");
  EXPECT_EQ(conversation.results().back(), "ping");
}

TEST(TextPutTest, ClosesWhereTheEndOfTheBodyCantBeKnown) {
  const std::string no_length = "close -USAGE " + kUsage + " (the length is a number of bytes)";
  for (const char* args : {"", " ", " k", " k x", " k -1", " k +1", " k 1x", " k 0x1", " k \"1\"", " k 1.0",
                           " k 18446744073709551616"}) {
    SCOPED_TRACE(args);
    EXPECT_EQ(parse("put"s + args + "\nab\nping\n"), Results{no_length});
  }
  EXPECT_EQ(parse("put \"k 2\nab\nping\n"),
            Results{"close -USAGE " + kUsage + " (a quoted string has no closing quote)"});
}

TEST(TextPutTest, ClosesWhenNoLineEndFollowsTheBody) {
  const std::string error =
      "close -USAGE " + kUsage + " (no line end where the length says that the value ends)";
  for (const char* body : {"abc\n", "ab \n", "ab\rx", "abping\n"}) {
    SCOPED_TRACE(body);
    EXPECT_EQ(parse("put k 2\n"s + body), Results{error});
    EXPECT_EQ(parse_in_pieces("put k 2\n"s + body, 1), Results{error});
    const Results after_refusal = parse("put k 2 zz\n"s + body);
    ASSERT_EQ(after_refusal.size(), 2u);
    EXPECT_EQ(after_refusal[1], error);
  }
}

TEST(TextPutTest, SkipsUpToFourTimesTheLargestValueAndClosesBeyond) {
  ParserLimits limits;
  limits.max_value_bytes = 10;
  EXPECT_EQ(parse("put k 10\n0123456789\n", limits), Results{"put <k> <0123456789>"});
  for (std::size_t length : {11u, 40u}) {
    const std::string bytes =
        "put k " + std::to_string(length) + "\n" + std::string(length, 'x') + "\nping\n";
    EXPECT_EQ(parse(bytes, limits), (Results{"error -TOOLONG a value holds at most 10 bytes", "ping"}));
  }
  EXPECT_EQ(parse("put k 41\n" + std::string(41, 'x') + "\nping\n", limits),
            Results{"close -TOOLONG a value holds at most 10 bytes"});
  EXPECT_EQ(parse("put k 18446744073709551615\nx", limits),
            Results{"close -TOOLONG a value holds at most 10 bytes"});
  EXPECT_EQ(parse("put k 41 zz\n", limits), Results{"close -TOOLONG a value holds at most 10 bytes"});
}

TEST(TextPutTest, KeepsInStepBehindALineThatIsTooLong) {
  ParserLimits limits;
  limits.max_line_bytes = 20;
  const std::string too_long = " -TOOLONG a line holds at most 20 bytes; put takes longer values";
  // The length stands within what was looked at.
  const std::string readable = "put k 5 nx nx nx nx nx nx\nget x\nping\n";
  EXPECT_EQ(parse(readable, limits), (Results{"error" + too_long, "ping"}));
  EXPECT_EQ(parse_in_pieces(readable, 1, limits), (Results{"error" + too_long, "ping"}));
  // It does not, or may go on behind it.
  for (const char* line :
       {"put aaaaaaaaaaaaaaaaaaaaaaaaaaaaa 5\nget x\nping\n", "put aaaaaaaaaaaaa 555\nget x\n",
        "put                          k 5\nget x\nping\n"}) {
    SCOPED_TRACE(line);
    EXPECT_EQ(parse(line, limits), Results{"close" + too_long});
    EXPECT_EQ(parse_in_pieces(line, 1, limits), Results{"close" + too_long});
  }
}

}  // namespace
}  // namespace minikv::protocol::testing
