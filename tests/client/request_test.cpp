// Words and lines as the requests that the server's own parser reads from them.
#include "client/lib/request.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/parser.h"

namespace minikv::client {
namespace {

struct Parsed {
  std::string verb;
  std::vector<std::string> args;
  std::vector<bool> quoted;
};

// What the server makes of the request's bytes.
Parsed parse(const Request& request) {
  protocol::RequestParser parser{protocol::ParserLimits{}};
  const protocol::ParseResult result = parser.next(request.bytes);
  EXPECT_EQ(result.outcome, protocol::ParseOutcome::kRequest) << request.bytes << result.error.text;
  if (result.outcome != protocol::ParseOutcome::kRequest) return {};
  const std::string_view rest = std::string_view(request.bytes).substr(result.consumed);
  EXPECT_EQ(rest.find_first_not_of("\r\n"), std::string_view::npos) << "left over: " << rest;
  Parsed parsed{.verb = std::string(parser.request().command->name)};
  for (const protocol::Arg& arg : parser.request().args) {
    parsed.args.emplace_back(arg.bytes);
    parsed.quoted.push_back(arg.quoted);
  }
  return parsed;
}

Request from_words(const std::string& verb, const std::vector<std::string>& arguments) {
  auto request = request_from_words(verb, arguments);
  EXPECT_TRUE(std::holds_alternative<Request>(request)) << verb;
  return std::get<Request>(request);
}

std::string refusal_code(const std::variant<Request, Refusal>& request) {
  const auto* refusal = std::get_if<Refusal>(&request);
  return refusal == nullptr ? "none" : refusal->code;
}

std::vector<std::string> awkward_words() {
  std::vector<std::string> words = {"",
                                    " ",
                                    "Alice",
                                    "Alice B",
                                    " led and trailed ",
                                    "\"",
                                    "\"quoted\"",
                                    "a\"b",
                                    "\\",
                                    "\\n",
                                    "\n",
                                    "\r\n",
                                    "ends in \r",
                                    "\xc3\xa4\xc3\xb6",
                                    "\xff\xfe",
                                    "-5",
                                    "*1\r\n$4\r\n",
                                    "limit",
                                    "HTTP/1.1"};
  for (int byte = 0; byte < 256; ++byte) words.emplace_back(1, static_cast<char>(byte));
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  words.push_back(all);
  words.push_back(all + all);
  return words;
}

TEST(RequestFromWordsTest, EveryArgumentArrivesExactly) {
  for (const std::string& word : awkward_words()) {
    EXPECT_EQ(parse(from_words("get", {word})).args, std::vector{word});
    EXPECT_EQ(parse(from_words("delete", {word, "x", word})).args,
              (std::vector<std::string>{word, "x", word}));
    EXPECT_EQ(parse(from_words("append", {word, word})).args, (std::vector{word, word}));
    EXPECT_EQ(parse(from_words("echo", {word})).args, std::vector{word});
  }
}

TEST(RequestFromWordsTest, ASetBecomesAPutWithTheSameKeyAndValue) {
  for (const std::string& word : awkward_words()) {
    const Parsed parsed = parse(from_words("SET", {word, word}));
    EXPECT_EQ(parsed.verb, "put");
    EXPECT_EQ(parsed.args, (std::vector{word, word}));
  }
}

TEST(RequestFromWordsTest, AValueLongerThanALineMayBe) {
  const std::string megabyte(1U << 20, '"');
  EXPECT_EQ(parse(from_words("set", {"k", megabyte})).args[1], megabyte);
}

TEST(RequestFromWordsTest, OptionsStayOptions) {
  const Parsed parsed = parse(from_words("list", {"user:", "limit", "5"}));
  EXPECT_EQ(parsed.args, (std::vector<std::string>{"user:", "limit", "5"}));
  EXPECT_EQ(parsed.quoted, (std::vector<bool>{false, false, false}));
}

TEST(RequestFromWordsTest, PutCountsTheBody) {
  const std::vector<std::string> words = {"a b", "nx"};
  const std::string body("x\0y\r\n", 5);
  const auto request = put_request(words, body);
  ASSERT_TRUE(std::holds_alternative<Request>(request));
  EXPECT_EQ(parse(std::get<Request>(request)).args, (std::vector<std::string>{"a b", body, "nx"}));
  EXPECT_EQ(refusal_code(put_request({}, body)), "USAGE");
}

TEST(RequestFromWordsTest, TooManyWordsForOneValueAreRefused) {
  const std::vector<std::string> words = {"name", "Alice", "B"};
  EXPECT_EQ(refusal_code(request_from_words("set", words)), "USAGE");
  EXPECT_EQ(refusal_code(request_from_words("append", words)), "USAGE");
}

TEST(RequestFromWordsTest, TooFewAreLeftToTheServer) {
  EXPECT_EQ(from_words("set", {"name"}).bytes, "set name\r\n");
}

TEST(RequestFromWordsTest, VerbsOfANewerServerAreSentAsTheyAre) {
  EXPECT_EQ(from_words("frobnicate", {"a b", "-c"}).bytes, "frobnicate \"a b\" -c\r\n");
}

TEST(RequestFromWordsTest, WhatIsNoVerbIsRefused) {
  for (const std::string verb : {"", "*1", "a b", "get\n", "\"get\"", "\x16\x03\x01", "\xc3\xa4"}) {
    EXPECT_EQ(refusal_code(request_from_words(verb, {})), "UNKNOWN") << verb;
  }
}

TEST(RequestFromWordsTest, OnlyCommandsThatMayTakeLongAreWaitedForWithoutLimit) {
  EXPECT_TRUE(from_words("compact", {}).may_take_long);
  EXPECT_FALSE(from_words("get", {"k"}).may_take_long);
}

TEST(RequestFromLineTest, TheLineIsSentAsItIs) {
  for (const std::string line :
       {"set name  Alice  ", "  get \"a b\"", "get broken\"quote", "get x\r", "new verb"}) {
    const auto request = request_from_line(line);
    ASSERT_TRUE(std::holds_alternative<Request>(request)) << line;
    EXPECT_EQ(std::get<Request>(request).bytes, line + "\n");
  }
}

TEST(RequestFromLineTest, KnowsVerbAndWordsForThePresentation) {
  const auto parsed = request_from_line("  DELETE \"a b\" limit");
  const auto& request = std::get<Request>(parsed);
  EXPECT_EQ(request.verb, "delete");
  EXPECT_EQ(request.words, (std::vector<Word>{{"a b", true}, {"limit", false}}));
}

TEST(RequestFromLineTest, WhatWouldNotBeTakenForTextIsRefused) {
  for (const std::string line : {"*1", "  *3", "\x01", "\"get\" k", "\xc3\xa4"}) {
    EXPECT_EQ(refusal_code(request_from_line(line)), "UNKNOWN") << line;
  }
}

TEST(RequestFromLineTest, OnlyAPutWithALengthHasABody) {
  const auto body_length = [](std::string_view line) {
    return put_body_length(std::get<Request>(request_from_line(line)));
  };
  EXPECT_EQ(body_length("put k 12 nx"), 12U);
  EXPECT_EQ(body_length("PUT \"a b\" 0"), 0U);
  EXPECT_EQ(body_length("put k twelve"), std::nullopt);
  EXPECT_EQ(body_length("put k"), std::nullopt);
  EXPECT_EQ(body_length("set k 12"), std::nullopt);
}

}  // namespace
}  // namespace minikv::client
