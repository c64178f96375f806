// The short way through the parser says what the long way says, or nothing.
#include "protocol/resp_quick.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/parser.h"
#include "protocol/resp_parser.h"

namespace minikv::protocol {
namespace {

std::string resp(const std::vector<std::string>& words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) request += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return request;
}

// How long the request is that both ways have found; 0 if the short way has found none.
std::size_t agree(std::string_view input, const ParserLimits& limits = {}) {
  Request quick;
  const std::size_t length = parse_resp_quickly(input, limits, quick);
  if (length == 0) return 0;
  RespParser parser;
  Request request;
  parser.begin(limits);
  const ParseResult result = parser.next(input, request);
  EXPECT_EQ(result.outcome, ParseOutcome::kRequest) << input;
  EXPECT_EQ(result.consumed, length) << input;
  EXPECT_EQ(request.command, quick.command) << input;
  EXPECT_EQ(request.args.size(), quick.args.size()) << input;
  for (std::size_t i = 0; i < std::min(request.args.size(), quick.args.size()); ++i) {
    EXPECT_EQ(request.args[i].bytes, quick.args[i].bytes) << input;
  }
  return length;
}

TEST(RespQuickTest, TakesWhatClientsSend) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"GET", "key"},
                                             {"get", ""},
                                             {"SET", "k\r\n", std::string(60'000, 'v')},
                                             {"PING"},
                                             {"SET", "k", "v", "EX", "10", "NX"},
                                             {"MSET", "a", "1", "b", "2", "c", "3", "d", "4"}}) {
    const std::string request = resp(words);
    EXPECT_EQ(agree(request), request.size()) << words[0];
    EXPECT_EQ(agree(request + "*1\r\n$4\r\nPING\r\n"), request.size()) << "what comes behind does not matter";
  }
}

TEST(RespQuickTest, LeavesTheRestToTheParser) {
  const std::string longer = resp({"MSET", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5"});
  for (const std::string& request :
       {std::string(), std::string("GET key\r\n"), resp({"NOSUCH", "key"}), resp({"GET"}),
        resp({"GET", "a", "b"}), longer, std::string("*0\r\n"), std::string("*-1\r\n"),
        std::string("*02\r\n$3\r\nGET\r\n$1\r\nk\r\n"), std::string("*2\r\n$03\r\nGET\r\n$1\r\nk\r\n"),
        std::string("*2\r\n$3\r\nGET\r\n$-1\r\n"), std::string("*2\n$3\nGET\n$1\nk\n"),
        std::string("*2\r\n$3\r\nGET\r\n$1\r\nkx\r\n"), std::string("*2\r\n+3\r\nGET\r\n$1\r\nk\r\n"),
        std::string("*2\r\n$3\r\nGET\r\n$99999999999999999999\r\nk\r\n")}) {
    EXPECT_EQ(agree(request), 0U) << request;
  }
}

TEST(RespQuickTest, WhatIsIncompleteIsLeftToTheParser) {
  const std::string request = resp({"SET", "key", "value", "EX", "10"});
  for (std::size_t length = 0; length < request.size(); ++length)
    EXPECT_EQ(agree(request.substr(0, length)), 0U);
}

TEST(RespQuickTest, LimitsAreTheParsers) {
  ParserLimits limits;
  limits.max_key_bytes = 3;
  limits.max_value_bytes = 5;
  EXPECT_EQ(agree(resp({"GET", "abcd"}), limits), 0U);
  EXPECT_NE(agree(resp({"GET", "abc"}), limits), 0U);
  limits.authenticated = false;
  EXPECT_EQ(agree(resp({"GET", "abc"}), limits), 0U);
  ParserLimits few;
  few.max_arguments = 2;
  EXPECT_EQ(agree(resp({"SET", "k", "v"}), few), 0U);
  ParserLimits small;
  small.max_request_bytes = 1;
  small.max_value_bytes = small.max_key_bytes = 65'535;
  const std::string half(65'000, 'a');  // together more than the least that a request may have
  EXPECT_NE(agree(resp({"MSET", half, half}), small), 0U);
  EXPECT_EQ(agree(resp({"MSET", half, half, half, half}), small), 0U);
}

// Requests with a byte changed here and there: whatever the short way takes, the long way takes alike.
TEST(RespQuickTest, SaysNothingElseThanTheParserOfDamagedRequests) {
  std::mt19937 random(7);
  const std::string bytes = "*$\r\n0123456789-+GETSabk ";
  int taken = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string request =
        random() % 2 == 0 ? resp({"GET", "key"}) : resp({"SET", "key", "0123456789", "EX", "10"});
    for (auto changes = random() % 3; changes > 0; --changes)
      request[random() % request.size()] = bytes[random() % bytes.size()];
    if (agree(request) > 0) ++taken;
  }
  EXPECT_GT(taken, 60'000);
  EXPECT_LT(taken, 199'000);
}

}  // namespace
}  // namespace minikv::protocol
