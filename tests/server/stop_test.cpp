// Stopping loses nothing that was accepted, and ends in bounded time.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {

namespace {

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size()) ++found;
  return found;
}

}  // namespace

TEST(StopTest, WhatWasReadIsExecutedAndAnsweredBeforeTheConnectionCloses) {
  TestServer server;
  TestClient client(server.port());
  constexpr std::size_t kWrites = 20'000;
  std::string requests;
  for (std::size_t i = 0; i < kWrites; ++i) requests += fmt::format("set key{} v\n", i);
  std::string replies;
  std::thread reader([&] { replies = client.read_all(); });
  client.send(requests);
  ASSERT_TRUE(eventually([&] { return server.store().exists("key0"); }));
  server.server().stop();
  reader.join();
  // A prefix was executed and answered; the rest was answered with an error or not at all.
  const std::size_t acknowledged = count(replies, "+OK\r\n");
  EXPECT_GE(acknowledged, 1U);
  EXPECT_EQ(server.store().size(), acknowledged);
  EXPECT_EQ(replies.rfind("+OK\r\n") == std::string::npos ? 0 : replies.rfind("+OK\r\n") + 5,
            acknowledged * 5);
}

TEST(StopTest, AClientThatTakesNothingDoesNotHoldItUp) {
  TestServer::Setup setup;
  setup.options.stop_timeout = std::chrono::milliseconds(100);
  TestServer server(setup);
  TestClient slow(server.port(), {.receive_buffer_bytes = 4096});
  ASSERT_EQ(slow.ask("set big " + std::string(200'000, 'x')), "+OK");
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += "get big\n";
  slow.send(requests);
  TestClient idle(server.port());
  ASSERT_EQ(idle.ask("ping"), "+PONG");
  const auto begin = std::chrono::steady_clock::now();
  server.server().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_NE(server.log().find("did not take their replies in time"), std::string::npos);
  EXPECT_EQ(idle.read_all(), "");
}

// Not even with the connection that the server closed lingering in the system.
TEST(StopTest, ThePortIsFreeAfterwards) {
  TestServer server;
  const std::uint16_t port = server.port();
  TestClient client(port);
  ASSERT_EQ(client.ask("ping"), "+PONG");
  server.server().stop();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_FALSE(can_connect(port));
  ServerOptions options;
  options.port = port;
  const auto listener = Listener::bind(options);
  ASSERT_TRUE(listener) << listener.status().message();
  EXPECT_EQ(listener->port(), port);
}

TEST(StopTest, StoppingTwiceIsFine) {
  TestServer server;
  TestClient client(server.port());
  ASSERT_EQ(client.ask("set k v"), "+OK");
  server.server().stop();
  server.server().stop();
  EXPECT_EQ(client.read_all(), "");
}

TEST(ListenerTest, APortInUseIsRefusedByName) {
  TestServer server;
  ServerOptions options;
  options.port = server.port();
  const auto listener = Listener::bind(options);
  ASSERT_FALSE(listener);
  EXPECT_NE(listener.status().message().find(fmt::format("127.0.0.1:{}", server.port())), std::string::npos)
      << listener.status().message();
}

// While one of two servers recovers its store, it has the port already.
TEST(ListenerTest, APortThatIsBoundButNotListenedOnIsRefusedToo) {
  ServerOptions options;
  options.port = 0;
  const auto first = Listener::bind(options);
  ASSERT_TRUE(first);
  options.port = first.value().port();
  EXPECT_FALSE(Listener::bind(options));
}

TEST(ListenerTest, AnAddressThatIsNotOursIsRefusedByName) {
  ServerOptions options;
  options.port = 0;
  options.bind = {"127.0.0.1", "192.0.2.1"};
  const auto foreign = Listener::bind(options);
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.status().message().find("192.0.2.1"), std::string::npos);
}

TEST(ListenerTest, SeveralAddressesShareOnePort) {
  ServerOptions options;
  options.port = 0;
  options.bind = {"127.0.0.1", "127.0.0.2"};
  const auto listener = Listener::bind(options);
  ASSERT_TRUE(listener) << listener.status().message();
  ASSERT_EQ(listener.value().addresses().size(), 2U);
  EXPECT_EQ(listener.value().addresses()[1], fmt::format("127.0.0.2:{}", listener.value().port()));
}

// Bound is not listening: a client is refused, instead of left waiting for the store.
TEST(ListenerTest, NobodyCanConnectBeforeTheServerStarts) {
  ServerOptions options;
  options.port = 0;
  const auto listener = Listener::bind(options);
  ASSERT_TRUE(listener);
  EXPECT_FALSE(can_connect(listener.value().port()));
}

}  // namespace minikv::server
