// AUTH, SLOWLOG, INFO, CLIENT LIST and KILL: what takes a server set up for it, or more than one client.
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/request/slow_log.h"
#include "tests/server/harness.h"
#include "tests/server/reply_reader.h"
#include "tests/support/test_scale.h"

namespace minikv::server {

namespace {

TestServer::Setup with_password() {
  TestServer::Setup setup;
  setup.options.password = "open sesame";
  return setup;
}

}  // namespace

TEST(AuthTest, NothingIsAnsweredBeforeThePasswordIsGiven) {
  TestServer server(with_password());
  TestClient client(server.port());
  for (const auto& request : {resp({"GET", "k"}), resp({"PING"}), resp({"MULTI"}), resp({"INFO"})}) {
    EXPECT_EQ(client.ask(request), "-NOAUTH Authentication required.");
  }
  EXPECT_EQ(client.ask("get k\n"), "-NOAUTH Authentication required.");
  EXPECT_TRUE(client.ask(resp({"HELLO", "3"})).starts_with("-NOAUTH HELLO must be called"));
  EXPECT_TRUE(client.ask(resp({"HELLO"})).starts_with("-NOAUTH HELLO must be called"));
  for (const std::string_view wrong : {"", "open", "open sesamf", "open sesame!", "open sesameopen sesame"}) {
    EXPECT_EQ(client.ask(resp({"AUTH", wrong})),
              "-WRONGPASS invalid username-password pair or user is disabled.");
  }
  EXPECT_EQ(client.ask(resp({"AUTH", "somebody", "open sesame"})),
            "-WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(client.ask(resp({"AUTH", "default", "open sesame", "x"})), "-ERR syntax error");
  EXPECT_EQ(client.ask(resp({"GET", "k"})), "-NOAUTH Authentication required.");
  EXPECT_EQ(client.ask(resp({"AUTH", "open sesame"})), "+OK");
  EXPECT_EQ(client.ask(resp({"GET", "k"})), "$-1");
  // A wrong one later changes nothing.
  EXPECT_TRUE(client.ask(resp({"AUTH", "x"})).starts_with("-WRONGPASS"));
  EXPECT_EQ(client.ask(resp({"GET", "k"})), "$-1");
}

TEST(AuthTest, EitherDialectAndHelloWillDo) {
  TestServer server(with_password());
  TestClient text(server.port());
  EXPECT_TRUE(text.ask("auth wrong\n").starts_with("-WRONGPASS"));
  EXPECT_EQ(text.ask("auth \"open sesame\"\n"), "+OK");
  EXPECT_EQ(text.ask("ping\n"), "+PONG");
  TestClient user(server.port());
  EXPECT_EQ(user.ask("auth default \"open sesame\"\n"), "+OK");
  TestClient hello(server.port());
  EXPECT_TRUE(hello.ask(resp({"HELLO", "3", "AUTH", "default", "x"})).starts_with("-WRONGPASS"));
  EXPECT_EQ(hello.ask(resp({"HELLO", "3", "AUTH", "default", "open sesame"})), "%7");
}

TEST(AuthTest, LittleIsTakenFromStrangers) {
  TestServer server(with_password());
  TestClient many(server.port());
  many.send("*11\r\n");
  EXPECT_EQ(many.read_all(), "-ERR Protocol error: unauthenticated multibulk length\r\n");
  TestClient large(server.port());
  large.send("*2\r\n$4\r\nAUTH\r\n$20000\r\n");
  EXPECT_EQ(large.read_all(), "-ERR Protocol error: unauthenticated bulk length\r\n");
  TestClient known(server.port());
  EXPECT_EQ(known.ask(resp({"AUTH", "open sesame"})), "+OK");
  EXPECT_EQ(known.ask(resp({"SET", "k", std::string(20'000, 'v')})), "+OK");
}

TEST(AuthTest, WithoutAPasswordThereIsNothingToCheck) {
  TestServer server;
  TestClient client(server.port());
  EXPECT_TRUE(
      client.ask(resp({"AUTH", "x"})).starts_with("-ERR AUTH <password> called without any password"));
  EXPECT_EQ(client.ask(resp({"AUTH", "default", "x"})), "+OK");
  EXPECT_TRUE(client.ask(resp({"AUTH", "somebody", "x"})).starts_with("-WRONGPASS"));
}

TEST(SlowLogTest, KeepsTheNewestAndTellsWhatWasAsked) {
  TestServer::Setup setup;
  setup.options.slow_log_slower_than = std::chrono::microseconds(0);
  setup.options.slow_log_max_len = 2;
  TestServer server(setup);
  TestClient client(server.port());
  EXPECT_EQ(client.ask(resp({"CLIENT", "SETNAME", "me"})), "+OK");
  EXPECT_EQ(client.ask(resp({"SET", "key", std::string(200, 'v')})), "+OK");
  EXPECT_EQ(client.ask(resp({"KEYS", "no*"})), "*0");
  client.send(resp({"SLOWLOG", "GET"}));
  EXPECT_EQ(client.read_line(), "*2");
  EXPECT_EQ(client.read_line(), "*6");
  EXPECT_EQ(client.read_line(), ":2");
  EXPECT_GT(std::stoll(client.read_line().substr(1)), 1'700'000'000);
  EXPECT_GE(std::stoll(client.read_line().substr(1)), 0);
  EXPECT_EQ(client.read_line(), "*2");
  EXPECT_EQ(read_bulk_string(client), "KEYS");
  EXPECT_EQ(read_bulk_string(client), "no*");
  EXPECT_TRUE(read_bulk_string(client).starts_with("127.0.0.1:"));
  EXPECT_EQ(read_bulk_string(client), "me");
  EXPECT_EQ(client.read_line(), "*6");
  for (int i = 0; i < 3; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*3");
  EXPECT_EQ(read_bulk_string(client), "SET");
  EXPECT_EQ(read_bulk_string(client), "key");
  EXPECT_EQ(read_bulk_string(client), std::string(128, 'v') + "... (72 more bytes)");
  read_bulk_string(client);
  read_bulk_string(client);
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "LEN"})), ":2");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "GET", "-2"})), "-ERR count should be greater than or equal to -1");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "GET", "0"})), "*0");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "RESET"})), "+OK");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "GET", "1"})), "*1");  // the reset itself
}

// As in Redis: 32 words of 128 bytes, what was left out told in the last one; no passwords.
TEST(SlowLogTest, KeepsEachArgumentByItself) {
  using protocol::Arg;
  const auto words_of = [](protocol::CommandId id, std::string_view verb, std::string_view subcommand,
                           std::vector<Arg> args) {
    protocol::Request request;
    request.command = &protocol::command_spec(id);
    request.verb = verb;
    request.subcommand = subcommand;
    request.args = std::move(args);
    return RequestSummary(request).words();
  };
  using Words = std::vector<std::string>;
  using enum protocol::CommandId;
  EXPECT_EQ(words_of(kSet, "Set", "", {{"k"}, {""}, {"EX"}, {"10"}}), (Words{"Set", "k", "", "EX", "10"}));
  EXPECT_EQ(words_of(kClientSetName, "client", "SetName", {{"me"}}), (Words{"client", "SetName", "me"}));
  EXPECT_EQ(words_of(kPut, "", "", {{"k"}, {"v"}}), (Words{"put", "k", "v"}));
  const std::string fits(128, 'x'), long_one(129, 'y');
  EXPECT_EQ(words_of(kGet, "GET", "", {{fits}}).back(), fits);
  EXPECT_EQ(words_of(kGet, "GET", "", {{long_one}}).back(), std::string(128, 'y') + "... (1 more bytes)");
  EXPECT_EQ(words_of(kMget, "MGET", "", std::vector<Arg>(31, Arg{"k"})).size(), 32U);
  EXPECT_EQ(words_of(kMget, "MGET", "", std::vector<Arg>(31, Arg{"k"})).back(), "k");
  const Words many = words_of(kMget, "MGET", "", std::vector<Arg>(1000, Arg{"k"}));
  EXPECT_EQ(many.size(), 32U);
  EXPECT_EQ(many.back(), "... (970 more arguments)");
  EXPECT_EQ(words_of(kAuth, "AUTH", "", {{"default"}, {"open sesame"}}),
            (Words{"AUTH", "(redacted)", "(redacted)"}));
  EXPECT_EQ(
      words_of(kHello, "HELLO", "", {{"3"}, {"auth"}, {"default"}, {"open sesame"}, {"SETNAME"}, {"me"}}),
      (Words{"HELLO", "3", "auth", "(redacted)", "(redacted)", "SETNAME", "me"}));
}

// However many there may be: they have a bound in bytes, too.
TEST(SlowLogTest, HasABoundInBytes) {
  SlowLog log(std::chrono::microseconds(0), 100'000);
  SlowLog::Entry entry;
  entry.words.assign(32, std::string(128, 'x'));
  for (int i = 0; i < 5'000; ++i) log.add(entry);
  EXPECT_LT(log.size(), SlowLog::kMaxBytes / (32 * 128));
  EXPECT_GT(log.size(), 1'000U);
  EXPECT_EQ(log.newest(1).front()->id, 4'999U);
  log.clear();
  log.add(entry);
  EXPECT_EQ(log.size(), 1U);
}

// More entries than are encoded on an event loop.
TEST(SlowLogTest, ShowsManyEntriesInTheOrderOfRequests) {
  TestServer::Setup setup;
  setup.options.slow_log_slower_than = std::chrono::microseconds(0);
  setup.options.slow_log_max_len = 1'000;
  TestServer server(setup);
  TestClient client(server.port());
  for (int i = 0; i < 300; ++i) ASSERT_EQ(client.ask(resp({"SET", "k", std::to_string(i)})), "+OK");
  client.send(resp({"SLOWLOG", "GET", "200"}) + resp({"PING"}));
  const std::string entries = read_reply(client);
  EXPECT_TRUE(entries.starts_with("*200\r\n")) << entries.substr(0, 20);
  EXPECT_NE(entries.find("$3\r\n299\r\n"), std::string::npos);
  EXPECT_EQ(client.read_line(), "+PONG");
}

// All names are in each line of CLIENT LIST.
TEST(ClientListTest, NamesHaveABound) {
  TestServer server;
  TestClient client(server.port());
  const std::string fits(1024, 'n'), too_long(1025, 'n');
  EXPECT_EQ(client.ask(resp({"CLIENT", "SETNAME", fits})), "+OK");
  EXPECT_EQ(client.ask(resp({"CLIENT", "SETNAME", too_long})), "-ERR client names have at most 1024 bytes");
  EXPECT_EQ(client.ask(resp({"HELLO", "2", "SETNAME", too_long})),
            "-ERR client names have at most 1024 bytes");
  EXPECT_EQ(client.ask(resp({"CLIENT", "SETINFO", "LIB-NAME", too_long})),
            "-ERR names of libraries have at most 1024 bytes");
  EXPECT_EQ(client.ask(resp({"CLIENT", "GETNAME"})), "$1024");
}

// More clients than lines are made of on an event loop.
TEST(ClientListTest, TellsOfManyClients) {
  TestServer server;
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(std::make_unique<TestClient>(server.port()));
  for (const auto& client : clients) ASSERT_EQ(client->ask(resp({"PING"})), "+PONG");
  clients[0]->send(resp({"CLIENT", "LIST"}) + resp({"PING"}));
  const std::string list = read_reply(*clients[0]);
  EXPECT_EQ(std::ranges::count(list, '\n'), 302) << "300 lines, and those of the reply";
  EXPECT_EQ(clients[0]->read_line(), "+PONG");
}

// The table calls EXISTS fast, which it is not with a hundred thousand keys.
TEST(SlowLogTest, KeepsWhatHoldsTheLoopUpWhateverTheTableSaysOfIt) {
  TestServer::Setup setup;
  setup.options.slow_log_slower_than = std::chrono::microseconds(1000);
  TestServer server(setup);
  TestClient client(server.port());
  std::string request = "*100001\r\n$6\r\nEXISTS\r\n";
  for (int i = 0; i < 100'000; ++i) request += "$4\r\nnone\r\n";
  client.send(resp({"PING"}) + request + resp({"PING"}));
  EXPECT_EQ(client.read_line(), "+PONG");
  EXPECT_EQ(client.read_line(), ":0");
  EXPECT_EQ(client.read_line(), "+PONG");
  // On a busy machine a PING may be among them.
  client.send(resp({"SLOWLOG", "GET", "-1"}));
  EXPECT_NE(read_reply(client).find("$6\r\nEXISTS\r\n"), std::string::npos);
}

// What it is timed from is its own turn, not the last one of its connection.
TEST(SlowLogTest, AWriteIsNotSlowBecauseItsClientHasWaited) {
  TestServer::Setup setup;
  setup.options.slow_log_slower_than = std::chrono::milliseconds(500);
  setup.store.fsync = Fsync::kNever;
  TestServer server(setup);
  TestClient client(server.port());
  EXPECT_EQ(client.ask(resp({"SET", "k", "1"})), "+OK");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "RESET"})), "+OK");
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  EXPECT_EQ(client.ask(resp({"SET", "k", "2"})), "+OK");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "LEN"})), ":0");
}

TEST(InfoTest, UsedMemoryIsTheServersOwn) {
  if (test::kIsSanitized) GTEST_SKIP() << "a sanitizer takes memory of its own for what is touched";
  TestServer::Setup setup;
  setup.store.segment_size = 16 * kMiB;
  setup.store.fsync = Fsync::kNever;
  TestServer server(setup);
  TestClient client(server.port());
  const auto field = [&](const std::string& name) {
    client.send(resp({"INFO", "memory"}));
    const std::string info = client.read(std::stoul(client.read_line().substr(1)) + 2);
    return std::stoul(info.substr(info.find("\n" + name + ":") + name.size() + 2));
  };
  const std::size_t before = field("used_memory");
  EXPECT_GT(before, 0U);
  // 64 MiB of values in mapped files, each read once: resident, but not the server's own.
  const std::string value(kMiB, 'v');
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(server.store().set("k" + std::to_string(i), value));
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(server.store().get("k" + std::to_string(i)));
  EXPECT_LT(field("used_memory"), before + 32 * kMiB);
  EXPECT_GE(field("used_memory_rss"), field("used_memory"));
}

TEST(ClientListTest, TellsOfEverybodyAndClosesWhomItIsTold) {
  TestServer server;
  TestClient one(server.port()), two(server.port());
  EXPECT_EQ(one.ask(resp({"CLIENT", "SETNAME", "one"})), "+OK");
  EXPECT_EQ(two.ask(resp({"CLIENT", "SETNAME", "two"})), "+OK");
  one.send(resp({"CLIENT", "LIST"}));
  const std::string list = read_bulk_string(one);
  EXPECT_NE(list.find(" name=one "), std::string::npos) << list;
  const std::size_t at = list.find(" name=two ");
  ASSERT_NE(at, std::string::npos) << list;
  const std::size_t line = list.rfind("id=", at);
  const std::string id = list.substr(line + 3, list.find(' ', line) - line - 3);
  EXPECT_EQ(one.ask(resp({"CLIENT", "KILL", "ID", id})), ":1");
  EXPECT_EQ(two.read_all(), "");
  EXPECT_EQ(one.ask(resp({"CLIENT", "KILL", "ID", id})), ":0");
  EXPECT_EQ(one.ask(resp({"CLIENT", "KILL", "1.2.3.4:5"})), "-ERR No such client");
  EXPECT_EQ(one.ask(resp({"CLIENT", "KILL", "ID", "0"})), "-ERR client-id should be greater than 0");
  EXPECT_EQ(one.ask(resp({"CLIENT", "KILL", "SKIPME", "no"})), ":1");
  EXPECT_EQ(one.read_all(), "");
}

}  // namespace minikv::server
