// Clients that ask for much, send much or take nothing: what they make the server hold is bounded, and others
// are served.
#include "tests/server/heavy_client_fixture.h"

namespace minikv::server {
namespace {

using HeavyClientTest = HeavyClientFixture;

// It is held by what is read of it, and again by the reply.
TEST_F(HeavyClientTest, AnEchoThatDoesNotFitIsRefused) {
  TestClient client(server_.port());
  const std::string fits(8 * kMiBytes, 'e'), too_long(20 * kMiBytes, 'e');
  client.send(resp({"ECHO", fits}));
  expect_value(client, "e", fits.size());
  for (const char* command : {"ECHO", "PING"}) {
    EXPECT_EQ(client.ask(resp({command, too_long})), "-OOM no memory for the reply (max_client_memory)")
        << command;
  }
  EXPECT_EQ(client.ask(resp({"PING"})), "+PONG");
  expect_served();
}

// Ten times as much as there is memory for, in one reply: a part of it at a time.
TEST_F(HeavyClientTest, AReplyOfAnyLengthTakesTheMemoryOfAPartOfIt) {
  put("a", 20 * kMiBytes);
  TestClient client(server_.port());
  std::string request = "*33\r\n$4\r\nMGET\r\n";
  for (int i = 0; i < 32; ++i) request += "$1\r\na\r\n";
  client.send(request);
  ASSERT_EQ(client.read_line(), "*32");
  for (int i = 0; i < 32; ++i) {
    EXPECT_LE(info("mem_clients_normal"), 64 * kMiBytes);
    expect_value(client, "a", 20 * kMiBytes);
  }
  expect_served();
}

TEST_F(HeavyClientTest, AValueThatCanNeverFitIsAnErrorInItsPlace) {
  put("a", 25 * kMiBytes);
  put("b", 5 * kMiBytes);
  TestClient client(server_.port());
  client.send(resp({"MGET", "b", "a", "small"}) + resp({"GET", "a"}) + resp({"PING"}));
  ASSERT_EQ(client.read_line(), "*3");
  expect_value(client, "b", 5 * kMiBytes);
  EXPECT_EQ(client.read_line().substr(0, 5), "-OOM ");
  EXPECT_EQ(client.read(11), "$5\r\nvalue\r\n");
  EXPECT_EQ(client.read_line().substr(0, 5), "-OOM ");
  EXPECT_EQ(client.read_line(), "+PONG");
  EXPECT_EQ(client.ask(resp({"APPEND", "a", "x"})).substr(0, 5), "-OOM ");
  EXPECT_GE(info("requests_refused_for_memory"), 3U);
}

// Fifty clients with a hundred MiB of replies each, which they do not take: they have what they have, and
// others go on.
TEST_F(HeavyClientTest, ManyThatTakeNothingHoldNoMoreThanThereIs) {
  put("a", 5 * kMiBytes);
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += resp({"GET", "a"});
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(
        std::make_unique<TestClient>(server_.port(), TestClient::Setup{.receive_buffer_bytes = 4096}));
    clients.back()->send(requests);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(info("mem_clients_normal"), 64 * kMiBytes);
    expect_served();
  }
  // Those that hold what others wait for are closed in the end, so that one that takes its replies gets them
  // all.
  TestClient honest(server_.port());
  honest.send(requests);
  for (int i = 0; i < 20; ++i) expect_value(honest, "a", 5 * kMiBytes);
  clients.clear();
  EXPECT_TRUE(eventually([&] { return info("mem_clients_normal") < kMiBytes; }))
      << info("mem_clients_normal");
  EXPECT_EQ(info("clients_waiting_for_memory"), 0U);
}

TEST_F(HeavyClientTest, ATransactionThatDoesNotFitIsRefusedWhenItIsQueued) {
  TestClient client(server_.port());
  ASSERT_EQ(client.ask(resp({"MULTI"})), "+OK");
  const std::string value(kMiBytes, 'v');
  std::string refused;
  for (int i = 0; i < 60 && refused.empty(); ++i) {
    const std::string reply = client.ask(resp({"SET", fmt::format("k{}", i), value}));
    if (reply != "+QUEUED") refused = reply;
  }
  EXPECT_TRUE(refused.starts_with("-OOM ")) << refused;
  EXPECT_TRUE(client.ask(resp({"EXEC"})).starts_with("-EXECABORT"));
  EXPECT_EQ(client.ask(resp({"EXISTS", "k0"})), ":0");
  EXPECT_TRUE(eventually([&] { return info("mem_clients_normal") < kMiBytes; }));
}

TEST_F(HeavyClientTest, ManyTransactionsThatAreQueuedHoldNoMoreThanThereIs) {
  std::vector<std::unique_ptr<TestClient>> clients;
  std::string requests = resp({"MULTI"});
  for (int i = 0; i < 5000; ++i) requests += resp({"SET", fmt::format("key-{}", i), std::string(700, 'v')});
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<TestClient>(server_.port()));
    clients.back()->send(requests);
  }
  for (const auto& client : clients) {
    for (int i = 0; i < 5001; ++i) client->read_line();
    EXPECT_LE(info("mem_clients_normal"), 64 * kMiBytes);
  }
  expect_served();
  EXPECT_GT(info("requests_refused_for_memory"), 0U);
  clients.clear();
  EXPECT_TRUE(eventually([&] { return info("mem_clients_normal") < kMiBytes; }))
      << info("mem_clients_normal");
}

TEST_F(HeavyClientTest, KeysThatAreWatchedAreCounted) {
  std::vector<std::unique_ptr<TestClient>> clients;
  std::string request = fmt::format("*20001\r\n$5\r\nWATCH\r\n");
  for (int i = 0; i < 20'000; ++i) request += resp({fmt::format("key-{}", i)}).substr(4);
  bool refused = false;
  for (int i = 0; i < 30 && !refused; ++i) {
    clients.push_back(std::make_unique<TestClient>(server_.port()));
    refused = clients.back()->ask(request).starts_with("-OOM ");
  }
  EXPECT_TRUE(refused);
  expect_served();
  clients.clear();
  EXPECT_TRUE(eventually([&] { return info("mem_clients_normal") < kMiBytes; }))
      << info("mem_clients_normal");
}

TEST_F(HeavyClientTest, ARequestThatIsTooLargeIsReadToItsEndAndRefused) {
  TestClient client(server_.port());
  const std::string value(30 * kMiBytes, 'v');
  EXPECT_EQ(client.ask(resp({"SET", "k", value})).substr(0, 5), "-OOM ");
  EXPECT_EQ(client.ask(fmt::format("put k {}\r\n", value.size()) + value + "\r\n").substr(0, 5), "-OOM ");
  EXPECT_EQ(client.ask(resp({"EXISTS", "k"})), ":0");
}

class ImpatientServerTest : public HeavyClientFixture {
 protected:
  ImpatientServerTest() : HeavyClientFixture(setup(std::chrono::seconds(3))) {}
};

// Three that have sent half of a large value, and no more: the one that comes after them need not wait for
// ever.
TEST_F(ImpatientServerTest, HalvesOfRequestsThatDoNotGoOnAreGivenUp) {
  std::vector<std::unique_ptr<TestClient>> halves;
  for (int i = 0; i < 3; ++i) {
    halves.push_back(std::make_unique<TestClient>(server_.port()));
    halves.back()->send("*3\r\n$3\r\nSET\r\n$1\r\nh\r\n$20971520\r\n" + std::string(kMiBytes, 'h'));
  }
  ASSERT_TRUE(eventually([&] { return info("mem_clients_normal") > 40 * kMiBytes; }));
  expect_served();
  TestClient whole(server_.port());
  EXPECT_EQ(whole.ask(resp({"SET", "whole", std::string(20 * kMiBytes, 'w')})), "+OK");
  for (const auto& half : halves) half->send(std::string(19 * kMiBytes, 'h') + "\r\n" + resp({"PING"}));
  for (const auto& half : halves) {
    const std::string first = half->read_line();
    EXPECT_TRUE(first == "+OK" || first.starts_with("-OOM ")) << first;
    EXPECT_EQ(half->read_line(), "+PONG") << "the stream is in step";
  }
}

// Each gets its turn, however many there are.
TEST_F(HeavyClientTest, LargeRequestsOfManyClientsAreAllDone) {
  constexpr int kClients = 12;
  const std::string value(20 * kMiBytes, 'v');
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(std::make_unique<TestClient>(server_.port()));
  std::vector<std::string> requests;
  for (int i = 0; i < kClients; ++i) requests.push_back(resp({"SET", fmt::format("k{}", i), value}));
  std::vector<std::string_view> left(requests.begin(), requests.end());
  const auto sends_some = [&] {
    bool any = false;
    for (int i = 0; i < kClients; ++i) {
      left[static_cast<std::size_t>(i)].remove_prefix(
          clients[static_cast<std::size_t>(i)]->send_some(left[static_cast<std::size_t>(i)]));
      any |= !left[static_cast<std::size_t>(i)].empty();
    }
    return !any;
  };
  ASSERT_TRUE(eventually(sends_some));
  for (const auto& client : clients) EXPECT_EQ(client->read_line(), "+OK");
  TestClient reader(server_.port());
  for (int i = 0; i < kClients; ++i) {
    reader.send(resp({"GET", fmt::format("k{}", i)}));
    expect_value(reader, "v", value.size());
  }
}

TEST_F(HeavyClientTest, KeysThatDoNotFitAreAnError) {
  WriteBatch batch;
  for (int i = 0; i < 20'000; ++i) batch.set(fmt::format("{:04000}", i), "v");
  ASSERT_TRUE(server_.store().write(batch));
  TestClient client(server_.port());
  EXPECT_EQ(client.ask(resp({"KEYS", "*"})).substr(0, 5), "-OOM ");
  EXPECT_EQ(client.ask(resp({"KEYS", "sma*"})), "*1");
}

// As libraries send a pipeline: all of it before the first reply is read.
TEST(PipelineTest, SentWholeBeforeItsRepliesAreReadGetsThemAll) {
  constexpr int kRequests = 100'000;
  TestServer server;
  ASSERT_TRUE(server.store().set("k", std::string(1000, 'v')));
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += resp({"GET", "k"});  // 100 MB of replies
  TestClient client(server.port(), {.receive_buffer_bytes = 4096});
  client.send(requests);
  const std::string expected = "$1000\r\n" + std::string(1000, 'v') + "\r\n";
  for (int i = 0; i < kRequests; ++i) ASSERT_TRUE(client.read(expected.size()) == expected) << i;
}

// A worker that walks over all keys ends when its client has gone.
TEST_F(HeavyClientTest, AWalkWhoseClientHasGoneIsGivenUp) {
  WriteBatch batch;
  for (int i = 0; i < 100'000; ++i) batch.set(fmt::format("key-{}", i), "v");
  ASSERT_TRUE(server_.store().write(batch));
  // Twenty walks on two workers: they would keep others waiting for seconds, were they all walked to their
  // ends.
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<TestClient>(server_.port()));
    clients.back()->send(resp({"KEYS", "*"}));
  }
  for (const auto& client : clients) client->reset();
  ASSERT_TRUE(eventually([&] { return info("connected_clients") == 1; }));
  TestClient other(server_.port());
  EXPECT_EQ(other.ask(resp({"KEYS", "small"})), "*1");
}

}  // namespace
}  // namespace minikv::server
