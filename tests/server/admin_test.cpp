// AUTH, SLOWLOG, CLIENT LIST and KILL, SCAN over many keys: what takes a server set up for it, or more than one client.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {

namespace {

TestServer::Setup with_password() {
  TestServer::Setup setup;
  setup.options.password = "open sesame";
  return setup;
}

// A bulk string.
std::string read_bulk(TestClient& client) {
  const std::string head = client.read_line();
  const std::string bytes = client.read(std::stoul(head.substr(1)) + 2);
  return bytes.substr(0, bytes.size() - 2);
}

}  // namespace

TEST(AuthTest, NothingIsAnsweredBeforeThePasswordIsGiven) {
  TestServer server(with_password());
  TestClient client(server.port());
  for (const auto& request :
       {resp({"GET", "k"}), resp({"PING"}), resp({"MULTI"}), resp({"EXEC"}), resp({"INFO"})}) {
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
  EXPECT_EQ(read_bulk(client), "keys");
  EXPECT_EQ(read_bulk(client), "no*");
  EXPECT_TRUE(read_bulk(client).starts_with("127.0.0.1:"));
  EXPECT_EQ(read_bulk(client), "me");
  EXPECT_EQ(client.read_line(), "*6");
  for (int i = 0; i < 3; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*2");
  EXPECT_EQ(read_bulk(client), "set");
  EXPECT_EQ(read_bulk(client), "key" + std::string(125, 'v') + "... (75 more bytes)");
  read_bulk(client);
  read_bulk(client);
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "LEN"})), ":2");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "GET", "-2"})), "-ERR count should be greater than or equal to -1");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "GET", "0"})), "*0");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "RESET"})), "+OK");
  EXPECT_EQ(client.ask(resp({"SLOWLOG", "GET", "1"})), "*1");  // the reset itself
}

TEST(ClientListTest, TellsOfEverybodyAndClosesWhomItIsTold) {
  TestServer server;
  TestClient one(server.port()), two(server.port());
  EXPECT_EQ(one.ask(resp({"CLIENT", "SETNAME", "one"})), "+OK");
  EXPECT_EQ(two.ask(resp({"CLIENT", "SETNAME", "two"})), "+OK");
  one.send(resp({"CLIENT", "LIST"}));
  const std::string list = read_bulk(one);
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

// A compaction that a client asked for may take minutes.
TEST(KeysTest, DoesNotWaitForACompactionOfAnotherClient) {
  TestServer::Setup setup;
  setup.store.fsync = Fsync::kNever;
  setup.store.compaction_threshold = 0;
  setup.store.compaction_rate_limit = 100'000;  // twenty seconds
  TestServer server(setup);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(server.store().set(fmt::format("key{}", i), std::string(100'000, 'v')));
  }
  TestClient compacts(server.port()), asks(server.port());
  compacts.send(resp({"COMPACT"}));
  const auto is_at_it = [&] {
    const auto files = std::filesystem::directory_iterator(server.data_directory());
    return std::any_of(begin(files), end(files),
                       [](const auto& file) { return file.path().extension() == ".tmp"; });
  };
  while (!is_at_it()) std::this_thread::yield();
  EXPECT_EQ(asks.ask(resp({"KEYS", "key1"})), "*1");
  EXPECT_EQ(server.store().stats().compactions, 0u) << "it was over before: nothing was tried";
}

TEST(ScanTest, ACursorComesByEveryKey) {
  TestServer::Setup setup;
  setup.store.fsync = Fsync::kNever;
  TestServer server(setup);
  WriteBatch batch;
  for (int i = 0; i < 20'000; ++i) batch.set(fmt::format("key{}", i), "v");
  ASSERT_TRUE(server.store().write(batch));
  for (const std::string count : {"10", "777", "100000"}) {
    TestClient client(server.port());
    std::set<std::string> seen;
    std::string cursor = "0";
    do {
      client.send(resp({"SCAN", cursor, "COUNT", count, "MATCH", "key*"}));
      ASSERT_EQ(client.read_line(), "*2");
      cursor = read_bulk(client);
      const long keys = std::stol(client.read_line().substr(1));
      EXPECT_LE(keys, std::stol(count) + 256);
      for (long i = 0; i < keys; ++i) EXPECT_TRUE(seen.insert(read_bulk(client)).second);
    } while (cursor != "0");
    EXPECT_EQ(seen.size(), 20'000u);
  }
}

}  // namespace minikv::server
