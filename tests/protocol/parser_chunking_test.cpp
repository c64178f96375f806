// The same bytes give the same results, however the network cuts them, in time that grows with their number
// only.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/protocol/conversation.h"

namespace minikv::protocol::testing {
namespace {

using namespace std::string_literals;

// Small limits, so that the corpus can pass them.
ParserLimits small_limits() {
  ParserLimits limits;
  limits.max_line_bytes = 40;
  limits.max_key_bytes = 20;
  limits.max_value_bytes = 30;
  limits.max_arguments = 6;
  return limits;
}

std::vector<std::string> corpus() {
  return {
      "get k\n",
      "\r\n\n\r\nget k\r\n\r\n",
      "set k  a value \r\n",
      "set \"a \\x41\\n\" \"\\\"v\\\\\"\n",
      "mget a \"b c\" \"\\t\\0\" d\n",
      "put k 5\r\na\r\n\nb\r\n",
      "put \"k\\n\" 3 nx ex 5\nabc\n",
      "put k 2 zz\nab\r\n",
      "put k 31\n" + std::string(31, 'x') + "\n",
      "put k 121\nxyz\n",
      "put k 3\nabcd\n",
      "put k 3 zz\nabcd\n",
      "put k zz\nabc\n",
      "put k 3 nx nx nx nx nx nx nx nx nx nx nx\nabc\n",
      "set k " + std::string(60, 'x') + "\r\n",
      "set k " + std::string(34, 'x') + "\r\n",
      "set k " + std::string(34, 'x') + "\ry\n",
      "get \"a\\q\"\nget \"a\nget a\rb\n",
      "frob\n   \n  ping  \n",
      "GET / HTTP/1.1\r\nHost: x\r\n",
      "POST " + std::string(60, 'x') + "\r\n",
      "\x16\x03\x01",
      "\rping\n",
      resp({"PING"}),
      "\r\n\n" + resp({"SET", "k\r\n", "\0v"s}) + "\r\n",
      resp({"foo", "a", "b"}) + resp({"GET"}),
      "*0\r\n*-1\r\n",
      "*7\r\n",
      "*x\r\n",
      "*1\r\n$x\r\n",
      "*1\r\n+PING\r\n",
      "*1\r\n$4\r\nPINGx\r\n",
      "*1\r\n$4\r\nPING\rx",
      resp({"SET", "k", std::string(31, 'x')}),
      resp({"GET", std::string(21, 'x')}),
      "ping\n" + resp({"PING"}) + "set a b\r\n" + resp({"SET", "a", "b"}) + "put k 1\nx\n" +
          resp({"DBSIZE"}) + "quit\n",
  };
}

TEST(ParserChunkingTest, EverySplitPointGivesTheSameResults) {
  for (const std::string& request : corpus()) {
    // What is in front and behind must not matter either.
    const std::string bytes = "ping\n" + request + "ping\n";
    SCOPED_TRACE(bytes);
    const Results expected = parse(bytes, small_limits());
    ASSERT_FALSE(expected.empty());
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
      ASSERT_EQ(parse_split(bytes, split, small_limits()), expected) << "split at " << split;
    }
  }
}

TEST(ParserChunkingTest, PiecesOfAnySizeGiveTheSameResults) {
  std::string all;
  for (const std::string& request : corpus()) {
    const bool goes_on = parse(request + "ping\n", small_limits()).back() == "ping";
    if (goes_on) all += request;
  }
  const Results expected = parse(all, small_limits());
  ASSERT_GT(expected.size(), 20u);
  for (std::size_t piece = 1; piece < 64; ++piece) {
    ASSERT_EQ(parse_in_pieces(all, piece, small_limits()), expected) << "pieces of " << piece;
  }
}

TEST(ParserChunkingTest, AnOversizeBulkGivesTheSameResultsAtAnySplit) {
  const std::string bytes = resp({"SET", "k", std::string(70'000, 'x'), "NX"}) + "ping\n";
  const Results expected{"*error ERR string exceeds maximum allowed size (proto-max-bulk-len)", "ping"};
  EXPECT_EQ(parse(bytes, small_limits()), expected);
  for (std::size_t split = 0; split < 60; ++split) {
    EXPECT_EQ(parse_split(bytes, split, small_limits()), expected);
    EXPECT_EQ(parse_split(bytes, bytes.size() - split, small_limits()), expected);
  }
}

TEST(ParserChunkingTest, ARequestHandedOutDoesNotWaitForTheNext) {
  Conversation conversation;
  for (const std::string& request : {"ping\n"s, "set k v\r\n"s, "put k 1\nx\n"s, resp({"PING"})}) {
    const std::size_t before = conversation.results().size();
    conversation.send(request);
    EXPECT_EQ(conversation.results().size(), before + 1) << request;
    EXPECT_EQ(conversation.kept_bytes(), 0u);
  }
}

// Counts what the parser is given to look at again: a view that grows by a byte a call, without any copying.
std::size_t calls_until_request(std::string_view bytes) {
  RequestParser parser({});
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const ParseResult result = parser.next(bytes.substr(0, size));
    if (result.outcome == ParseOutcome::kRequest) return size;
    EXPECT_EQ(result.consumed, 0u);
  }
  return 0;
}

// Were each byte to cost a look at all before it, these would be 10^13 steps, and the test would not end.
TEST(ParserChunkingTest, ARequestThatArrivesByteByByteCostsLinearTime) {
  const std::string line = "set k " + std::string(250'000, 'x') + "\n";
  EXPECT_EQ(calls_until_request(line), line.size());
  const std::string put = "put k 4000000\n" + std::string(4'000'000, 'x') + "\n";
  EXPECT_EQ(calls_until_request(put), put.size());
  const std::string bulk = resp({"SET", "k", std::string(4'000'000, 'x')});
  EXPECT_EQ(calls_until_request(bulk), bulk.size());
  const std::vector<std::string_view> many(500'000, "k");
  std::vector<std::string_view> mget{"MGET"};
  mget.insert(mget.end(), many.begin(), many.end());
  const std::string array = resp(mget);
  EXPECT_EQ(calls_until_request(array), array.size());
}

TEST(ParserChunkingTest, AHugePipelineIsTakenRequestByRequest) {
  constexpr int kRounds = 100'000;
  std::string bytes;
  for (int i = 0; i < kRounds; ++i) bytes += "set k v\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
  RequestParser parser({});
  std::string_view left = bytes;
  for (int i = 0; i < kRounds; ++i) {
    for (CommandId id : {CommandId::kSet, CommandId::kGet}) {
      const ParseResult result = parser.next(left);
      ASSERT_EQ(result.outcome, ParseOutcome::kRequest);
      ASSERT_EQ(parser.request().command->id, id);
      left.remove_prefix(result.consumed);
    }
  }
  EXPECT_TRUE(left.empty());
}

}  // namespace
}  // namespace minikv::protocol::testing
