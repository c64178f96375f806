// RESP: requests, errors that keep the connection, and protocol errors that end it, in Redis' words.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/protocol/conversation.h"

namespace minikv::protocol::testing {
namespace {

using namespace std::string_literals;

TEST(RespParserTest, TakesArraysOfBulkStrings) {
  EXPECT_EQ(parse(resp({"GET", "k"})), Results{"*get <k>"});
  EXPECT_EQ(parse(resp({"set", "", ""})), Results{"*set <> <>"});
  EXPECT_EQ(parse(resp({"SeT", "a\r\nb", "\0\xff*1\r\n"s, "NX"})),
            Results{"*set <a\\r\\nb> <\\0\xff*1\\r\\n> <NX>"});
  EXPECT_EQ(parse(resp({"PING"}) + resp({"PING", "x"})), (Results{"*ping", "*ping <x>"}));
}

TEST(RespParserTest, KnowsCommandsByTheirRedisNames) {
  EXPECT_EQ(parse(resp({"DEL", "k"})), Results{"*delete <k>"});
  EXPECT_EQ(parse(resp({"DELETE", "k"})), Results{"*delete <k>"});
  for (const char* verb : {"PUT", "HELP", "EXIT", "LPUSH"}) {
    SCOPED_TRACE(verb);
    EXPECT_EQ(
        parse(resp({verb, "k"}) + resp({"PING"})),
        (Results{"*error ERR unknown command '"s + verb + "', with args beginning with: 'k' ", "*ping"}));
  }
}

TEST(RespParserTest, TellsUnknownCommandsAsRedisDoes) {
  EXPECT_EQ(parse(resp({"foo"})), Results{"*error ERR unknown command 'foo', with args beginning with: "});
  EXPECT_EQ(parse(resp({""})), Results{"*error ERR unknown command '', with args beginning with: "});
  EXPECT_EQ(parse(resp({"foo", std::string(100, 'a'), std::string(100, 'b'), "c"})),
            Results{"*error ERR unknown command 'foo', with args beginning with: '" + std::string(100, 'a') +
                    "' '" + std::string(25, 'b') + "' "});
  EXPECT_EQ(parse(resp({"fo\0o"s, "a\0b"s})),
            Results{"*error ERR unknown command 'fo', with args beginning with: 'a' "});
  EXPECT_EQ(
      parse(resp({std::string(200, 'x')})),
      Results{"*error ERR unknown command '" + std::string(128, 'x') + "', with args beginning with: "});
}

TEST(RespParserTest, ChecksTheNumberOfArguments) {
  const auto expect_wrong_arity = [](const std::vector<std::string_view>& elements, const std::string& name) {
    EXPECT_EQ(parse(resp(elements) + resp({"PING"})),
              (Results{"*error ERR wrong number of arguments for '" + name + "' command", "*ping"}));
  };
  expect_wrong_arity({"GET"}, "get");
  expect_wrong_arity({"GET", "a", "b"}, "get");
  expect_wrong_arity({"SET", "a"}, "set");
  expect_wrong_arity({"DELETE"}, "del");
  expect_wrong_arity({"MSET", "a"}, "mset");
  expect_wrong_arity({"STATS", "x"}, "stats");
}

// So that what is refused is refused where it comes, and spoils a transaction, whichever word is wrong.
TEST(RespParserTest, TakesSubcommandsForCommandsOfTheirOwn) {
  EXPECT_EQ(parse(resp({"CLIENT", "SetName", "x"})), Results{"*client|setname <x>"});
  EXPECT_EQ(parse(resp({"config", "get", "a", "b"})), Results{"*config|get <a> <b>"});
  EXPECT_EQ(parse(resp({"COMMAND"}) + resp({"COMMAND", "COUNT"})), (Results{"*command", "*command|count"}));
  EXPECT_EQ(parse(resp({"CLIENT|ID"})),
            Results{"*error ERR unknown command 'CLIENT|ID', with args beginning with: "});
  EXPECT_EQ(parse(resp({"CLIENT"})), Results{"*error ERR wrong number of arguments for 'client' command"});
  EXPECT_EQ(parse(resp({"CLIENT", "Foo", "x"})),
            Results{"*error ERR unknown subcommand 'Foo'. Try CLIENT HELP."});
  EXPECT_EQ(parse(resp({"CLIENT", ""})), Results{"*error ERR unknown subcommand ''. Try CLIENT HELP."});
  EXPECT_EQ(parse(resp({"COMMAND", "Foo"})),
            Results{"*error ERR unknown subcommand 'Foo'. Try COMMAND HELP."});
  EXPECT_EQ(parse(resp({"client", "SETNAME"})),
            Results{"*error ERR wrong number of arguments for 'client|setname' command"});
  EXPECT_EQ(parse(resp({"CLIENT", "ID", "x"}) + resp({"PING"})),
            (Results{"*error ERR wrong number of arguments for 'client|id' command", "*ping"}));
}

TEST(RespParserTest, KeepsTheWordsAsTheClientWroteThem) {
  RequestParser parser{ParserLimits{}};
  const std::string both = resp({"Client", "gEtNaMe"}) + resp({"GeT", "k"});
  const std::size_t first = parser.next(both).consumed;
  EXPECT_EQ(parser.request().verb, "Client");
  EXPECT_EQ(parser.request().subcommand, "gEtNaMe");
  parser.next(std::string_view(both).substr(first));
  EXPECT_EQ(parser.request().verb, "GeT");
  EXPECT_EQ(parser.request().subcommand, "");
}

TEST(RespParserTest, IgnoresRequestsWithoutElements) {
  EXPECT_EQ(parse("*0\r\n*-1\r\n*-100\r\n" + resp({"PING"})), Results{"*ping"});
  EXPECT_EQ(parse("*0\r\nping\n"), Results{"ping"});
}

struct Malformed {
  std::string bytes;
  std::string detail;
};

TEST(RespParserTest, ClosesOnProtocolErrorsInTheWordsOfRedis) {
  constexpr int kHuge = 512 * 1024 * 1024 + 1;
  const std::vector<Malformed> cases = {
      {"*\r\n", "invalid multibulk length"},
      {"*abc\r\n", "invalid multibulk length"},
      {"*1x\r\n", "invalid multibulk length"},
      {"*+1\r\n", "invalid multibulk length"},
      {"*01\r\n", "invalid multibulk length"},
      {"*-0\r\n", "invalid multibulk length"},
      {"* 1\r\n", "invalid multibulk length"},
      {"*1\n", "invalid multibulk length"},
      {"*1\rx", "invalid multibulk length"},
      {"*1048577\r\n", "invalid multibulk length"},
      {"*2147483648\r\n", "invalid multibulk length"},
      {"*9223372036854775808\r\n", "invalid multibulk length"},
      {std::string("*").append(40, '1'), "invalid multibulk length"},
      {"*1\r\nPING\r\n", "expected '$', got 'P'"},
      {"*1\r\n\r\n", "expected '$', got '\r'"},
      {"*2\r\n$3\r\nGET\r\n:1\r\n", "expected '$', got ':'"},
      {"*1\r\n*1\r\n", "expected '$', got '*'"},
      {"*1\r\n$\r\n", "invalid bulk length"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n$x\r\n", "invalid bulk length"},
      {"*1\r\n$4\n", "invalid bulk length"},
      {fmt::format("*1\r\n${}\r\n", kHuge), "invalid bulk length"},
      {"*1\r\n$9223372036854775807\r\n", "invalid bulk length"},
      {"*1\r\n$4\r\nPINGPING\r\n", "expected CRLF behind a bulk string"},
      {"*1\r\n$4\r\nPING\n\n", "expected CRLF behind a bulk string"},
  };
  for (const Malformed& one : cases) {
    SCOPED_TRACE(one.bytes);
    const Results expected{"*ping", "*close ERR Protocol error: " + one.detail};
    EXPECT_EQ(parse(resp({"PING"}) + one.bytes), expected);
    EXPECT_EQ(parse_in_pieces(resp({"PING"}) + one.bytes, 1), expected);
  }
}

TEST(RespParserTest, TakesNoMoreThanItWasSent) {
  Conversation conversation;
  conversation.send("*1048576\r\n$536870912\r\n");
  conversation.send("abc");
  EXPECT_LE(conversation.kept_bytes(), 30u);
  EXPECT_TRUE(conversation.results().empty());
}

TEST(RespParserTest, SaysHowMuchIsStillToCome) {
  Conversation conversation;
  conversation.send("*2\r\n$4\r\nECHO\r\n$10\r\nabc");
  EXPECT_EQ(conversation.parser().bytes_wanted(), 9u);
}

}  // namespace
}  // namespace minikv::protocol::testing
