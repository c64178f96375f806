// What a connection tells about itself, and what becomes of one that says nothing.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"
#include "tests/server/reply_reader.h"

namespace minikv::server {

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
  setup.options.stall_timeout = std::chrono::milliseconds(4);  // the clock is looked at all the time, then
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
