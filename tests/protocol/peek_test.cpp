// What is guessed about requests that are still to be parsed.
#include "protocol/peek.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/parser.h"

namespace minikv::protocol {
namespace {

std::vector<std::string> peek(std::string_view input, std::size_t room = 16) {
  std::vector<std::string_view> keys(room);
  const std::size_t count = peek_gets(input, keys);
  return {keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::string get(std::string_view key, std::string_view name = "GET") {
  return "*2\r\n$3\r\n" + std::string(name) + "\r\n$" + std::to_string(key.size()) + "\r\n" +
         std::string(key) + "\r\n";
}

using Keys = std::vector<std::string>;

TEST(PeekTest, FindsTheKeysOfGetsOneBehindTheOther) {
  EXPECT_EQ(peek(get("a") + get("key:000000000001") + get("", "get") + get("x\r\ny", "GeT")),
            (Keys{"a", "key:000000000001", "", "x\r\ny"}));
}

TEST(PeekTest, FindsNoMoreThanThereIsRoomFor) {
  EXPECT_EQ(peek(get("a") + get("b") + get("c"), 2), (Keys{"a", "b"}));
  EXPECT_EQ(peek(get("a"), 0), Keys{});
}

TEST(PeekTest, EndsAtWhateverIsNoGet) {
  for (const std::string other :
       {"*1\r\n$4\r\nPING\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n", "get k\r\n", "\r\n",
        "*2\r\n$3\r\nTTL\r\n$1\r\nk\r\n", "*2\r\n$-1\r\n", "*2\r\n$3\r\nGET\r\n$-1\r\n",
        "*2\r\n$3\r\nGET\r\n$123456789\r\nk\r\n", "*2\r\n$3\r\nGET\r\n$\r\n\r\n"}) {
    EXPECT_EQ(peek(get("a") + other + get("b")), Keys{"a"}) << other;
  }
}

TEST(PeekTest, WhatIsIncompleteIsLeftAlone) {
  const std::string two = get("first") + get("second");
  for (std::size_t length = 0; length < two.size(); ++length) {
    const Keys found = peek(two.substr(0, length));
    ASSERT_LE(found.size(), 2U);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], i == 0 ? "first" : "second") << length;
  }
}

// A guess that were often wrong would only cost time.
TEST(PeekTest, GuessesWhatTheParserFinds) {
  std::string input;
  Keys expected;
  for (int i = 0; i < 16; ++i) {
    expected.push_back("key" + std::to_string(i * 7919));
    input += get(expected.back());
  }
  EXPECT_EQ(peek(input), expected);
  RequestParser parser{ParserLimits{}};
  std::string_view rest = input;
  for (const std::string& key : expected) {
    const ParseResult result = parser.next(rest);
    rest.remove_prefix(result.consumed);
    ASSERT_EQ(result.outcome, ParseOutcome::kRequest);
    EXPECT_EQ(parser.request().command->name, "get");
    EXPECT_EQ(parser.request().args[0].bytes, key);
  }
}

}  // namespace
}  // namespace minikv::protocol
