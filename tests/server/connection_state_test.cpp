// What changes a connection, alone and in a transaction: the stream of replies stays in step, whatever is
// asked.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

std::string encode_words(const std::vector<std::string>& words) {
  std::string request = fmt::format("*{}\r\n", words.size());
  for (const std::string& word : words) request += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return request;
}

// A request of that command with as few arguments as it takes.
std::string shortest_request(const CommandSpec& command) {
  const std::string name(command.resp_name);
  const std::size_t bar = name.find('|');
  std::vector<std::string> words = {name.substr(0, bar)};
  if (bar != std::string::npos) words.push_back(name.substr(bar + 1));
  words.resize(std::max(words.size(), static_cast<std::size_t>(std::abs(command.arity))), "1");
  return encode_words(words);
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

TEST(ClientInfoTest, EveryFieldIsThereAndSaysWhatIsSo) {
  TestServer server;
  TestClient client(server.port()), other(server.port());
  EXPECT_EQ(client.ask(resp({"CLIENT", "SETNAME", "me"})), "+OK");
  EXPECT_EQ(client.ask(resp({"CLIENT", "SETINFO", "LIB-NAME", "mine"})), "+OK");
  const std::string info = client_info(client);
  std::string names;
  for (std::size_t at = 0; at < info.size(); at = info.find_first_of(" \n", at) + 1) {
    names += info.substr(at, info.find('=', at) - at) + " ";
  }
  EXPECT_EQ(names,
            "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem "
            "rbs rbp obl oll "
            "omem tot-mem events cmd user redir resp lib-name lib-ver ");
  EXPECT_TRUE(client_field(info, "addr").starts_with("127.0.0.1:"));
  EXPECT_EQ(client_field(info, "laddr"), fmt::format("127.0.0.1:{}", server.port()));
  EXPECT_EQ(client_field(info, "name"), "me");
  EXPECT_EQ(client_field(info, "flags"), "N");
  EXPECT_EQ(client_field(info, "multi"), "-1");
  EXPECT_EQ(client_field(info, "cmd"), "client|info");
  EXPECT_EQ(client_field(info, "events"), "r");
  EXPECT_EQ(client_field(info, "resp"), "2");
  EXPECT_EQ(client_field(info, "lib-name"), "mine");
  int type = 0;
  socklen_t length = sizeof type;
  EXPECT_EQ(::getsockopt(std::stoi(client_field(info, "fd")), SOL_SOCKET, SO_TYPE, &type, &length), 0);
  EXPECT_EQ(type, SOCK_STREAM);

  EXPECT_EQ(client.ask(resp({"MULTI"})), "+OK");
  EXPECT_EQ(client.ask(resp({"SET", "a", std::string(1000, 'v')})), "+QUEUED");
  EXPECT_EQ(client.ask(resp({"GET", "a"})), "+QUEUED");
  const std::string open = client_line(other, "me");
  EXPECT_EQ(client_field(open, "flags"), "x");
  EXPECT_EQ(client_field(open, "multi"), "2");
  EXPECT_GE(std::stol(client_field(open, "multi-mem")), 1000);
  EXPECT_GE(std::stol(client_field(open, "tot-mem")), std::stol(client_field(open, "multi-mem")));
  EXPECT_EQ(client_field(open, "cmd"), "get");
  EXPECT_EQ(client.ask(resp({"DISCARD"})), "+OK");
  EXPECT_EQ(client_field(client_line(other, "me"), "multi"), "-1");
  EXPECT_EQ(client.ask(resp({"CLIENT", "NO-EVICT", "ON"})), "+OK");
  EXPECT_EQ(client_field(client_line(other, "me"), "flags"), "e");

  // Half a request.
  client.send("*2\r\n$4\r\nECHO\r\n$1000\r\nhalf of it");
  EXPECT_TRUE(eventually([&] { return std::stol(client_field(client_line(other, "me"), "qbuf")) > 20; }));
}

// While a client takes a long reply bit by bit, it asks for nothing.
TEST(ClientInfoTest, IdleCountsFromTheLastRequest) {
  TestServer::Setup setup;
  setup.store.max_value_bytes = setup.options.parser.max_value_bytes = 32 << 20;
  TestServer server(setup);
  ASSERT_TRUE(server.store().set("large", std::string(20 << 20, 'v')));
  TestClient::Setup slow;
  slow.receive_buffer_bytes = 4096;
  TestClient client(server.port(), slow), other(server.port());
  EXPECT_EQ(client.ask(resp({"CLIENT", "SETNAME", "reads"})), "+OK");
  client.send(resp({"GET", "large"}));
  EXPECT_EQ(client.read_line(), "$20971520");
  EXPECT_TRUE(eventually([&] {
    client.read(4096);
    return client_field(client_line(other, "reads"), "idle") == "1";
  }));
  EXPECT_GT(std::stol(client_field(client_line(other, "reads"), "obl")), 0) << "it had all been sent";
  EXPECT_EQ(client_field(client_line(other, "reads"), "events").find('w'), 1U);
}

TEST(IdleTest, ClientsThatAskForNothingAreClosedAndOthersStay) {
  TestServer::Setup setup;
  setup.options.idle_timeout = std::chrono::seconds(1);
  setup.options.stall_timeout = std::chrono::milliseconds(200);  // the clock is looked at more often, then
  TestServer server(setup);
  TestClient active(server.port()), idle(server.port());
  EXPECT_EQ(idle.ask(resp({"CLIENT", "SETNAME", "idle"})), "+OK");
  EXPECT_TRUE(eventually([&] { return client_line(active, "idle").empty(); })) << "it is there for ever";
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_EQ(active.ask(resp({"PING"})), "+PONG");
  active.send(resp({"STATS"}));
  EXPECT_NE(read_bulk_string(active).find("connections_idle_closed 1\n"), std::string::npos);
}

TEST(IdleTest, WhoWaitsForAnAnswerIsNotIdle) {
  TestServer::Setup setup;
  setup.options.idle_timeout = std::chrono::seconds(1);
  setup.options.stall_timeout = std::chrono::milliseconds(200);
  setup.store.fsync = Fsync::kNever;
  setup.store.compaction_threshold = 0;
  setup.store.compaction_rate_limit = 1'000'000;
  TestServer server(setup);
  for (int i = 0; i < 25; ++i)
    ASSERT_TRUE(server.store().set(fmt::format("key{}", i), std::string(100'000, 'v')));
  TestClient waits(server.port()), idle(server.port());
  waits.send(resp({"COMPACT"}));  // two seconds and more
  EXPECT_EQ(idle.read_all(), "") << "closed, when the other one has waited for as long";
  EXPECT_EQ(server.store().stats().compactions, 0U) << "it was over before: nothing was tried";
  EXPECT_TRUE(waits.read_line().starts_with("+reclaimed "));
}

TEST(KeepaliveTest, TheKernelIsToldHowLongASilenceIs) {
  TestServer::Setup setup;
  setup.options.tcp_keepalive = std::chrono::seconds(120);
  TestServer server(setup);
  TestClient client(server.port());
  const int fd = std::stoi(client_field(client_info(client), "fd"));
  const auto option = [fd](int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 120);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 40);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
}

TEST(KeepaliveTest, NoneIsAskedForWhereItIsSwitchedOff) {
  TestServer::Setup setup;
  setup.options.tcp_keepalive = std::chrono::seconds(0);
  TestServer server(setup);
  TestClient client(server.port());
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(std::stoi(client_field(client_info(client), "fd")), SOL_SOCKET, SO_KEEPALIVE, &value,
                         &length),
            0);
  EXPECT_EQ(value, 0);
}

}  // namespace minikv::server
