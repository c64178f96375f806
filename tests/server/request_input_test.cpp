// Requests of any length are read into blocks, and their arguments stay where they were read.
#include "server/net/request_input.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "protocol/parser.h"
#include "tests/server/harness.h"

namespace minikv::server {
namespace {

using protocol::ParseOutcome;
using protocol::ParseResult;

// A connection's reading end: bytes come in, requests go out.
class Reader {
 public:
  explicit Reader(protocol::ParserLimits limits = {}) : parser(limits) {}

  // Gives it up to `bytes` more; how many it had room for.
  std::size_t feed(std::string_view bytes) {
    const std::span<char> room = input.prepare(parser);
    EXPECT_FALSE(room.empty());
    const std::size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    input.commit(count);
    most_memory = std::max(most_memory, input.memory());
    return count;
  }
  // The next request, if it is whole: its arguments. Nothing otherwise.
  bool next(std::vector<std::string>& args) {
    const ParseResult result = parser.next(input.view());
    input.consume(result.consumed);
    error = result.outcome == ParseOutcome::kError ? result.error.resp + result.error.text : "";
    if (result.outcome != ParseOutcome::kRequest) return false;
    args.clear();
    ArgumentArena memory(input.has_own_blocks() ? input.take_blocks() : std::vector<Block>());
    std::size_t elsewhere = 0;
    for (const protocol::Arg& arg : parser.request().args)
      elsewhere += memory.has(arg.bytes) ? 0 : arg.bytes.size();
    memory.make_room(elsewhere);
    copied_bytes = elsewhere;
    std::vector<std::string_view> kept;
    for (const protocol::Arg& arg : parser.request().args) kept.push_back(memory.keep(arg.bytes));
    args.assign(kept.begin(), kept.end());
    input.release_if_empty();
    return true;
  }

  BlockPool pool;
  RequestInput input{pool};
  protocol::RequestParser parser;
  std::size_t most_memory = 0;
  std::size_t copied_bytes = 0;  // of the last request
  std::string error;
};

class RequestInputTest : public testing::Test {
 protected:
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  std::string bytes(std::size_t count) {
    std::string made(count, '\0');
    for (char& byte : made) byte = static_cast<char>(random_());
    return made;
  }
  static std::string request_of(const std::vector<std::string>& args) {
    std::string request = fmt::format("*{}\r\n$4\r\nMSET\r\n", args.size() + 1);
    for (const std::string& arg : args) request += fmt::format("${}\r\n{}\r\n", arg.size(), arg);
    return request;
  }

  std::mt19937 random_{20261126};
};

TEST_F(RequestInputTest, AnyRequestsInAnyPiecesAreThoseThatWereSent) {
  Reader reader;
  std::vector<std::vector<std::string>> sent;
  std::string stream;
  for (int i = 0; i < 300; ++i) {
    std::vector<std::string> args;
    const std::size_t longest = below(5) == 0 ? 300'000 : below(3) == 0 ? 40'000 : 100;
    for (std::size_t n = 2 + below(below(10) == 0 ? 3000 : 6); n > 0; --n) {
      args.push_back(bytes(below(longest / (n > 10 ? 1000 : 1) + 1)));
    }
    if (args.size() > 2 && below(2) == 0) args.resize(2);
    for (std::size_t k = 0; k < args.size(); k += 2)
      args[k].resize(std::min<std::size_t>(args[k].size(), 65'535));
    stream += request_of(args);
    sent.push_back(std::move(args));
  }
  std::size_t received = 0;
  std::string_view left = stream;
  std::vector<std::string> args;
  while (received < sent.size()) {
    if (reader.next(args)) {
      ASSERT_EQ(args, sent[received++]);
      continue;
    }
    ASSERT_EQ(reader.error, "");
    ASSERT_FALSE(left.empty());
    left.remove_prefix(reader.feed(left.substr(0, 1 + below(below(2) == 0 ? 10 : 200'000))));
  }
  EXPECT_TRUE(left.empty());
  EXPECT_EQ(reader.input.memory(), 0U);
}

// One allocation, as large as the value is, and no byte of it copied but those that came with its length.
TEST_F(RequestInputTest, ALargeValueIsReadIntoOneBlockAsLargeAsItIs) {
  constexpr std::size_t kValueBytes = 20'000'000;
  Reader reader;
  const std::string value = bytes(kValueBytes);
  const std::string request = request_of({"key", value});
  std::string_view left = request;
  std::vector<std::string> args;
  while (!reader.next(args)) left.remove_prefix(reader.feed(left.substr(0, 100'000)));
  EXPECT_TRUE(left.empty());
  EXPECT_EQ(args, (std::vector<std::string>{"key", value}));
  EXPECT_EQ(reader.copied_bytes, 0U);
  EXPECT_LE(reader.most_memory, kValueBytes + 2 * BlockPool::kBlockBytes);
}

TEST_F(RequestInputTest, TheSameInText) {
  constexpr std::size_t kValueBytes = 5'000'000;
  Reader reader;
  const std::string value = bytes(kValueBytes);
  const std::string request = fmt::format("put \"a key\" {} ex 100\r\n{}\r\nping\r\n", kValueBytes, value);
  std::string_view left = request;
  std::vector<std::string> args;
  while (!reader.next(args)) left.remove_prefix(reader.feed(left.substr(0, 100'000)));
  EXPECT_EQ(args, (std::vector<std::string>{"a key", value, "ex", "100"}));
  EXPECT_LE(reader.most_memory, kValueBytes + 2 * BlockPool::kBlockBytes);
  while (!reader.next(args)) left.remove_prefix(reader.feed(left));
  EXPECT_TRUE(args.empty()) << "and what comes behind it is understood";
}

TEST_F(RequestInputTest, ManyArgumentsStayWhereTheyWereRead) {
  Reader reader;
  std::vector<std::string> sent;
  for (int i = 0; i < 100'000; ++i) sent.push_back(fmt::format("argument-{}", i));
  const std::string request = request_of(sent) + request_of({"k", "v"});
  std::string_view left = request;
  std::vector<std::string> args;
  while (!reader.next(args)) left.remove_prefix(reader.feed(left.substr(0, 50'000)));
  EXPECT_EQ(args, sent);
  EXPECT_LE(reader.most_memory, request.size() + request.size() / 2 + 4 * BlockPool::kBlockBytes);
  while (!reader.next(args)) left.remove_prefix(reader.feed(left));
  EXPECT_EQ(args, (std::vector<std::string>{"k", "v"}));
}

TEST_F(RequestInputTest, ALongLineIsWhole) {
  protocol::ParserLimits limits;
  limits.max_line_bytes = 4'000'000;
  Reader reader(limits);
  const std::string value(3'000'000, 'v');
  const std::string line = "set key " + value + "\r\n";
  std::string_view left = line;
  std::vector<std::string> args;
  while (!reader.next(args)) left.remove_prefix(reader.feed(left.substr(0, 70'000)));
  EXPECT_EQ(args, (std::vector<std::string>{"key", value}));
}

TEST_F(RequestInputTest, WhatIsGivenUpIsAnsweredAndTheNextRequestUnderstood) {
  for (const bool is_text : {false, true}) {
    Reader reader;
    const std::string value = bytes(1'000'000);
    const std::string request = is_text ? fmt::format("put key {}\r\n{}\r\n", value.size(), value)
                                        : request_of({"key", value, "other", value});
    const std::string behind = request_of({"k", "v"});
    const std::string stream = request + behind;
    std::string_view left = stream;
    std::vector<std::string> args;
    std::string error;
    const auto look = [&] {
      const bool is_there = reader.next(args);
      if (!reader.error.empty()) error = reader.error;
      return is_there;
    };
    for (int i = 0; i < 20; ++i) {
      ASSERT_FALSE(look());
      left.remove_prefix(reader.feed(left.substr(0, 40'000)));
    }
    reader.parser.give_up(protocol::errors::out_of_memory("too much"));
    while (!look()) {
      if (!left.empty()) left.remove_prefix(reader.feed(left.substr(0, 40'000)));
    }
    EXPECT_EQ(error, "OOM too muchtoo much") << is_text;
    EXPECT_EQ(args, (std::vector<std::string>{"k", "v"})) << is_text;
  }
}

}  // namespace
}  // namespace minikv::server
