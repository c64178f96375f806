// How connections begin and end, and what a server does about clients that behave badly.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {

TEST(SessionTest, HalfCloseStillGetsEveryReply) {
  TestServer server;
  TestClient client(server.port());
  std::string requests;
  std::string replies;
  for (int i = 0; i < 1000; ++i) {
    requests += fmt::format("set k {}\nstrlen k\n", i);
    replies += fmt::format("+OK\r\n+INT {}\r\n", std::to_string(i).size());
  }
  client.send(requests);
  client.half_close();
  EXPECT_EQ(client.read_all(), replies);
}

TEST(SessionTest, ALastLineWithoutItsEndIsNotExecuted) {
  TestServer server;
  TestClient client(server.port());
  client.send("set a 1\nset b 2");
  client.half_close();
  EXPECT_EQ(client.read_all(), "+OK\r\n");
  EXPECT_FALSE(server.store().exists("b"));
}

TEST(SessionTest, QuitIsAnsweredAndNothingBehindItRuns) {
  TestServer server;
  TestClient client(server.port());
  client.send("set a 1\nquit\nset b 2\n");
  EXPECT_EQ(client.read_all(), "+OK\r\n+OK\r\n");
  EXPECT_TRUE(server.store().exists("a"));
  EXPECT_FALSE(server.store().exists("b"));
  TestClient in_resp(server.port());
  in_resp.send(resp({"QUIT"}));
  EXPECT_EQ(in_resp.read_all(), "+OK\r\n");
}

TEST(SessionTest, BytesThatAreNoRequestCloseTheConnection) {
  TestServer server;
  for (const std::string_view hello : {"\x16\x03\x01\x02", "\x80\n"}) {
    TestClient client(server.port());
    client.send(hello);
    EXPECT_TRUE(client.read_all().starts_with("-UNKNOWN "));
  }
  TestClient browser(server.port());
  browser.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\nset k v\r\n");
  EXPECT_EQ(browser.read_all(), "");
  EXPECT_FALSE(server.store().exists("k"));
}

TEST(SessionTest, AClientThatVanishesWithWritesInFlightHarmsNobody) {
  TestServer server;
  std::string requests;
  for (int i = 0; i < 2000; ++i) requests += fmt::format("set key{} value\nget key0\n", i);
  for (int round = 0; round < 20; ++round) {
    TestClient client(server.port());
    client.send(requests);
    client.reset();
  }
  TestClient client(server.port());
  EXPECT_EQ(client.ask("set k v"), "+OK");
  EXPECT_TRUE(eventually([&] { return client.ask("stats").starts_with("+TEXT"); }));
}

TEST(SessionTest, TheClientThatIsOneTooManyIsToldSo) {
  TestServer::Setup setup;
  setup.options.max_clients = 2;
  TestServer server(setup);
  auto first = std::make_unique<TestClient>(server.port());
  TestClient second(server.port());
  ASSERT_EQ(first->ask("ping"), "+PONG");
  ASSERT_EQ(second.ask("ping"), "+PONG");
  TestClient third(server.port());
  EXPECT_EQ(third.read_all(), "-MAXCLIENTS max number of clients reached\r\n");
  // Its place is free again once another has gone.
  first.reset();
  EXPECT_TRUE(eventually([&] { return TestClient(server.port()).ask("ping") == "+PONG"; }));
}

// Replies pile up to the limit; then the server reads no more, and the client blocks in sending.
TEST(SessionTest, AClientThatTakesNoRepliesIsNotReadFromAndThenClosed) {
  TestServer::Setup setup;
  setup.options.max_output_bytes = 1 << 20;
  setup.options.stall_timeout = std::chrono::milliseconds(200);
  TestServer server(setup);
  TestClient other(server.port());
  ASSERT_EQ(other.ask("set big " + std::string(100'000, 'x')), "+OK");

  TestClient slow(server.port(), {.receive_buffer_bytes = 4096});
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "get big\n";  // 100 MB of replies, were they all made
  slow.send(requests);
  EXPECT_TRUE(eventually([&] { return server.log().find("closed: ") != std::string::npos; })) << server.log();
  EXPECT_EQ(other.ask("ping"), "+PONG");
  EXPECT_NE(server.log().find("bytes of replies wait and it has taken none for 200 ms"), std::string::npos);
}

// Twenty clients that take nothing may not have twenty times what one may.
TEST(SessionTest, ManyClientsThatTakeNoRepliesShareABudget) {
  TestServer::Setup setup;
  setup.options.max_output_bytes = 16 << 20;
  setup.options.max_total_output_bytes = 32 << 20;
  TestServer server(setup);
  TestClient other(server.port());
  ASSERT_EQ(other.ask("set big " + std::string(100'000, 'x')), "+OK");
  std::string requests;
  for (int i = 0; i < 300; ++i) requests += "get big\n";  // 30 MB of replies
  std::vector<std::unique_ptr<TestClient>> slow;
  const auto waiting = [&] {
    other.send(resp({"INFO", "clients"}));
    const std::string info = other.read(std::stoul(other.read_line().substr(1)) + 2);
    const std::size_t at = info.find("replies_waiting_bytes:");
    return at == std::string::npos ? 0 : std::stoul(info.substr(at + 22));
  };
  for (int i = 0; i < 20; ++i) {
    slow.push_back(
        std::make_unique<TestClient>(server.port(), TestClient::Setup{.receive_buffer_bytes = 4096}));
    slow.back()->send(requests);
  }
  EXPECT_TRUE(eventually([&] { return waiting() > 16U << 20; })) << waiting();
  for (int i = 0; i < 50; ++i) EXPECT_LT(waiting(), 36U << 20);
  // Who comes last is served all the same.
  TestClient late(server.port());
  for (int i = 0; i < 10; ++i) {
    late.send(resp({"GET", "big"}));
    ASSERT_EQ(late.read_line(), "$100000");
    ASSERT_EQ(late.read_line().size(), 100'000U);
  }
  slow.clear();
  EXPECT_TRUE(eventually([&] { return waiting() == 0; })) << waiting();
}

TEST(SessionTest, AClientThatTakesItsRepliesSlowlyGetsThemAll) {
  TestServer::Setup setup;
  setup.options.max_output_bytes = 200'000;
  TestServer server(setup);
  TestClient slow(server.port(), {.receive_buffer_bytes = 4096});
  ASSERT_EQ(slow.ask("set big " + std::string(50'000, 'x')), "+OK");
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += resp({"GET", "big"});
  slow.send(requests);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(slow.read_line(), "$50000");
    ASSERT_EQ(slow.read_line().size(), 50'000U);
  }
}

// More in flight than a connection may have, and than the store's queue holds: the rest waits, and is done.
TEST(SessionTest, WritesBeyondTheLimitsWaitAndAreDone) {
  TestServer::Setup setup;
  setup.options.max_in_flight_requests = 10;
  setup.options.max_in_flight_bytes = 10'000;
  setup.store.max_queue_bytes = 5'000;
  TestServer server(setup);
  TestClient first(server.port());
  TestClient second(server.port());
  std::string requests;
  for (int i = 0; i < 2000; ++i) requests += resp({"SET", fmt::format("k{}", i), std::string(1000, 'v')});
  first.send(requests);
  second.send(requests);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(first.read_line(), "+OK");
    ASSERT_EQ(second.read_line(), "+OK");
  }
}

TEST(SessionTest, ValuesOfManyMegabytesPass) {
  TestServer server;
  TestClient client(server.port());
  const std::string value(20'000'000, 'v');
  client.send(fmt::format("put big {}\n", value.size()));
  client.send(value);
  client.send("\nget big\n");
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_TRUE(client.read_line().starts_with("+VALUE 20000000 "));
  EXPECT_TRUE(client.read(value.size()) == value);
  EXPECT_EQ(client.read(2), "\r\n");
}

TEST(SessionTest, AKeyThatHasExpiredIsGone) {
  TestServer server;
  TestClient client(server.port());
  client.send(resp({"SET", "k", "v", "PX", "1"}));
  ASSERT_EQ(client.read_line(), "+OK");
  EXPECT_TRUE(eventually([&] { return client.ask("ttl k") == "+INT -2"; }));
  EXPECT_EQ(client.ask("get k"), "-NOTFOUND no such key");
}

// The figures add up: what was sent and received, and who is there.
TEST(SessionTest, StatsCountWhatHappened) {
  TestServer server;
  TestClient client(server.port());
  ASSERT_EQ(client.ask("set k v"), "+OK");
  ASSERT_EQ(client.ask("nosuch").substr(0, 8), "-UNKNOWN");
  ASSERT_TRUE(client.ask("get k").starts_with("+VALUE"));
  ASSERT_EQ(client.read_line(), "v");
  ASSERT_TRUE(client.ask("get missing").starts_with("-NOTFOUND"));
  client.send("stats\n");
  const int lines = std::stoi(client.read_line().substr(6));
  std::string all = "\n";
  for (int i = 0; i < lines; ++i) all += client.read_line() + "\n";
  for (const std::string_view line : {"keys 1", "clients 1", "connections_received 1", "hits 1", "misses 1",
                                      "errors 2", "commands 4", "read_only no", "connections_rejected 0"}) {
    EXPECT_NE(all.find(fmt::format("\n{}\n", line)), std::string::npos) << line << " in" << all;
  }
  client.send("info keyspace\n");
  EXPECT_EQ(client.read_line(), "+TEXT 2");
  EXPECT_EQ(client.read_line(), "# Keyspace");
  EXPECT_EQ(client.read_line(), "db0:keys=1,expires=0,avg_ttl=0");
}

}  // namespace minikv::server
