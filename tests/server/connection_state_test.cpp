// What changes a connection, alone and in a transaction: the stream of replies stays in step, whatever is
// asked.
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "protocol/command_table.h"
#include "tests/server/harness.h"
#include "tests/server/reply_reader.h"

namespace minikv::server {

namespace {

using protocol::CommandSpec;

// A request of that command with as few arguments as it takes.
std::string shortest_request(const CommandSpec& command) {
  const std::string name(command.resp_name);
  const std::size_t bar = name.find('|');
  std::vector<std::string> words = {name.substr(0, bar)};
  if (bar != std::string::npos) words.push_back(name.substr(bar + 1));
  words.resize(std::max(words.size(), static_cast<std::size_t>(std::abs(command.arity))), "1");
  return resp_of(words);
}

std::vector<const CommandSpec*> all_requests() {
  std::vector<const CommandSpec*> all;
  for (const CommandSpec& command : protocol::all_commands()) {
    if (!command.syntax.empty()) all.push_back(&command);
    for (const CommandSpec& one : protocol::subcommands_of(command.id)) all.push_back(&one);
  }
  return all;
}

bool is_carried_out_at_once(const CommandSpec& command) {
  return (command.flags & protocol::kFlagAtOnce) != 0;
}

// The version is another one; and walks without order do not come by the keys that their transaction makes.
bool is_answered_otherwise_in_a_transaction(const CommandSpec& command) {
  using enum protocol::CommandId;
  return command.id == kGetv || command.id == kRandomKey || command.id == kScan;
}

TestServer::Setup password_setup() {
  TestServer::Setup setup;
  setup.options.password = "open sesame";
  return setup;
}

}  // namespace

TEST(ConnectionStateTest, EveryCommandInATransactionHasOneReplyInIt) {
  TestServer server;
  for (const CommandSpec* command : all_requests()) {
    if (is_carried_out_at_once(*command)) continue;
    SCOPED_TRACE(command->resp_name);
    TestClient client(server.port());
    client.send(resp({"MULTI"}) + shortest_request(*command) + resp({"ECHO", "behind"}) + resp({"EXEC"}) +
                resp({"PING"}));
    EXPECT_EQ(read_reply(client), "+OK\r\n");
    const std::string queued = read_reply(client);
    EXPECT_EQ(read_reply(client), "+QUEUED\r\n");
    const std::string reply = read_reply(client);
    if (queued == "+QUEUED\r\n") {
      EXPECT_TRUE(reply.starts_with("*2\r\n")) << reply;
      EXPECT_TRUE(reply.ends_with("$6\r\nbehind\r\n")) << reply;
    } else {
      EXPECT_TRUE(queued.starts_with("-ERR ")) << queued;
      EXPECT_EQ(reply, "-EXECABORT Transaction discarded because of previous errors.\r\n");
    }
    EXPECT_EQ(read_reply(client), "+PONG\r\n");
  }
}

TEST(ConnectionStateTest, EveryRequestWithAWordTooFewSpoilsATransaction) {
  TestServer server;
  TestClient client(server.port());
  for (const CommandSpec* command : all_requests()) {
    const std::size_t name_words = command->is_subcommand() ? 2 : 1;
    const auto words = static_cast<std::size_t>(std::abs(command->arity));
    if (words == name_words || is_carried_out_at_once(*command)) continue;
    SCOPED_TRACE(command->resp_name);
    std::string request = shortest_request(*command);
    request.erase(request.rfind('$'));
    request.replace(0, request.find('\r'), fmt::format("*{}", words - 1));
    client.send(resp({"MULTI"}) + resp({"SET", "leak", "1"}) + request + resp({"EXEC"}));
    EXPECT_EQ(read_reply(client), "+OK\r\n");
    EXPECT_EQ(read_reply(client), "+QUEUED\r\n");
    EXPECT_TRUE(read_reply(client).starts_with("-ERR wrong number of arguments for '"));
    EXPECT_EQ(read_reply(client), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  }
  EXPECT_EQ(client.ask(resp({"GET", "leak"})), "$-1");
}

// While they are in flight as when they are done, and in one transaction with them.
TEST(ConnectionStateTest, EveryCommandThatLooksAtTheStoreSeesTheWritesBeforeIt) {
  TestServer server;
  TestClient client(server.port());
  const std::string write = resp({"SET", "1", "\37723"});  // 0xff, 2, 3
  for (const CommandSpec* command : all_requests()) {
    if (!command->has(protocol::kFlagReadOnly)) continue;
    SCOPED_TRACE(command->resp_name);
    const std::string request = shortest_request(*command);
    client.send(request);
    const std::string before = read_reply(client);
    client.send(write + request + request);
    EXPECT_EQ(read_reply(client), "+OK\r\n");
    const std::string reply = read_reply(client);
    EXPECT_TRUE(command->first_key == 0 || reply != before) << reply;
    EXPECT_EQ(read_reply(client), reply);
    EXPECT_EQ(client.ask(resp({"DEL", "1"})), ":1");
    if (is_answered_otherwise_in_a_transaction(*command)) continue;
    client.send(resp({"MULTI"}) + write + request + resp({"EXEC"}));
    for (const char* word : {"+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n"}) EXPECT_EQ(read_reply(client), word);
    EXPECT_EQ(read_reply(client), "*2\r\n+OK\r\n" + reply);
    EXPECT_EQ(client.ask(resp({"DEL", "1"})), ":1");
  }
}

TEST(ConnectionStateTest, ATransactionWithoutRepliesIsCarriedOutToTheEnd) {
  TestServer server;
  TestClient client(server.port()), other(server.port());
  client.send(resp({"CLIENT", "REPLY", "OFF"}) + resp({"MULTI"}) + resp({"SET", "k", "v"}) +
              resp({"CLIENT", "SETNAME", "silent"}) + resp({"EXEC"}));
  EXPECT_TRUE(eventually([&] { return !client_line(other, "silent").empty(); }));
  EXPECT_EQ(client.ask(resp({"CLIENT", "REPLY", "ON"})), "+OK");
  EXPECT_EQ(client.ask(resp({"STRLEN", "k"})), ":1");
}

TEST(ConnectionStateTest, OffAndSkipStandBehindSkip) {
  TestServer server;
  TestClient client(server.port());
  const std::string skip = resp({"CLIENT", "REPLY", "SKIP"}), off = resp({"CLIENT", "REPLY", "OFF"});
  const std::string on = resp({"CLIENT", "REPLY", "ON"});
  client.send(skip + off + resp({"PING", "off"}) + resp({"SET", "k", "1"}) + on);
  EXPECT_EQ(client.read_line(), "+OK");
  client.send(skip + skip + resp({"PING", "skipped"}) + resp({"PING"}));
  EXPECT_EQ(client.read_line(), "+PONG");
  client.send(skip + on + resp({"GET", "k"}));
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_EQ(client.read_line(), "$1");
  EXPECT_EQ(client.read_line(), "1");
  client.send(off + skip + resp({"PING", "off"}) + resp({"PING", "off"}) + on + resp({"PING"}));
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_EQ(client.read_line(), "+PONG");
}

TEST(ConnectionStateTest, ExecWithoutThePasswordSaysThatTheTransactionIsGone) {
  TestServer server(password_setup());
  TestClient client(server.port());
  EXPECT_EQ(client.ask(resp({"EXEC"})),
            "-EXECABORT Transaction discarded because of: NOAUTH Authentication required.");
  EXPECT_TRUE(client.ask("exec\n").starts_with("-NOAUTH"));
}

TEST(ResetTest, AClientHasToSayAgainWhoItIs) {
  TestServer server(password_setup());
  TestClient client(server.port());
  EXPECT_EQ(client.ask(resp({"AUTH", "open sesame"})), "+OK");
  EXPECT_EQ(client.ask(resp({"SET", "k", "v"})), "+OK");
  EXPECT_EQ(client.ask(resp({"RESET"})), "+RESET");
  EXPECT_EQ(client.ask(resp({"GET", "k"})), "-NOAUTH Authentication required.");
  EXPECT_EQ(client.ask(resp({"RESET"})), "+RESET");
  // Strangers' limits are in force again.
  client.send("*11\r\n");
  EXPECT_EQ(client.read_all(), "-ERR Protocol error: unauthenticated multibulk length\r\n");
}

TEST(ResetTest, RepliesThatAreOwedComeAsTheyWereAskedFor) {
  TestServer server;
  TestClient client(server.port());
  EXPECT_EQ(read_reply((client.send(resp({"HELLO", "3"})), client)).substr(0, 2), "%7");
  client.send(resp({"SET", "k", "v"}) + resp({"GET", "nothing"}) + resp({"RESET"}) +
              resp({"GET", "nothing"}));
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_EQ(client.read_line(), "_");
  EXPECT_EQ(client.read_line(), "+RESET");
  EXPECT_EQ(client.read_line(), "$-1");
}

}  // namespace minikv::server
