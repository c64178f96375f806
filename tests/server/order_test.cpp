// Replies come in the order of the requests, whatever is mixed and however it arrives.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/server/harness.h"

namespace minikv::server {

namespace {

// A request and its whole reply.
struct Exchange {
  std::string request;
  std::string reply;
};

// Makes requests of all kinds, and knows what each is to be answered, as it keeps a model of what is stored.
class ExchangeMaker {
 public:
  Exchange next() {
    const std::string key = fmt::format("key{}", random() % 20);
    std::string& value = values_[static_cast<std::size_t>(std::stoi(key.substr(3)))];
    switch (random() % 10) {
      case 0: value = std::to_string(random()); return {"set " + key + " " + value + "\n", "+OK\r\n"};
      case 1: value = std::to_string(random()); return {resp({"SET", key, value}), "+OK\r\n"};
      case 2:
      case 3: return {resp({"GET", key}), value.empty() ? "$-1\r\n" : bulk(value)};
      case 4: return {"strlen " + key + "\r\n", fmt::format("+INT {}\r\n", value.size())};
      case 5: return {"ping\n", "+PONG\r\n"};
      case 6: return {"frobnicate\n", "-UNKNOWN frobnicate\r\n"};
      case 7: {
        const bool had = !value.empty();
        value.clear();
        return {resp({"DEL", key}), had ? ":1\r\n" : ":0\r\n"};
      }
      case 8:
        return {resp({"MGET", key, "never"}),
                "*2\r\n" + (value.empty() ? "$-1\r\n" : bulk(value)) + "$-1\r\n"};
      default: ++counter_; return {resp({"INCR", "counter"}), fmt::format(":{}\r\n", counter_)};
    }
  }
  // Has to wait until everything before it is answered.
  Exchange count() const {
    std::size_t keys = counter_ > 0 ? 1U : 0U;
    for (const std::string& value : values_) keys += value.empty() ? 0U : 1U;
    return {"dbsize\n", fmt::format("+INT {}\r\n", keys)};
  }

 private:
  static std::string bulk(const std::string& value) {
    return fmt::format("${}\r\n{}\r\n", value.size(), value);
  }
  std::uint32_t random() { return static_cast<std::uint32_t>(random_()); }

  std::mt19937 random_{20'240'101};
  std::vector<std::string> values_ = std::vector<std::string>(20);
  std::uint64_t counter_ = 0;
};

}  // namespace

TEST(OrderTest, SetGetSetGetInOnePacket) {
  TestServer server;
  TestClient client(server.port());
  client.send("set k 1\nget k\nset k 2\nget k\n");
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_TRUE(client.read_line().starts_with("+VALUE 1 "));
  EXPECT_EQ(client.read_line(), "1");
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_TRUE(client.read_line().starts_with("+VALUE 1 "));
  EXPECT_EQ(client.read_line(), "2");
}

TEST(OrderTest, HundredThousandMixedRequestsInOneWrite) {
  TestServer server;
  TestClient client(server.port());
  ExchangeMaker maker;
  std::string requests;
  std::string replies;
  // The text of -UNKNOWN is the protocol's business.
  const std::string unknown = TestClient(server.port()).ask("frobnicate") + "\r\n";
  for (int i = 0; i < 100'000; ++i) {
    const Exchange one = i % 5'000 == 4'999 ? maker.count() : maker.next();
    requests += one.request;
    replies += one.reply.starts_with("-UNKNOWN") ? unknown : one.reply;
  }
  // Sent from the side, as the server stops reading when nobody takes its replies.
  std::size_t sent = 0;
  std::string got;
  while (got.size() < replies.size()) {
    sent += client.send_some(std::string_view(requests).substr(sent));
    const std::string some =
        client.read(std::min<std::size_t>(replies.size() - got.size(), sent < requests.size() ? 1 : 65'536));
    if (some.empty()) break;
    got += some;
  }
  ASSERT_EQ(got.size(), replies.size());
  const std::size_t differs = static_cast<std::size_t>(std::ranges::mismatch(got, replies).in1 - got.begin());
  EXPECT_TRUE(got == replies) << "at " << differs << ": " << got.substr(differs, 100) << "\n expected "
                              << replies.substr(differs, 100);
}

// Reads between writes must not cost a group, and so a sync, each.
TEST(OrderTest, PipelinedSetGetPairsShareTheirGroups) {
  TestServer server;
  TestClient client(server.port());
  const std::uint64_t before = server.store().stats().groups;
  std::string requests;
  constexpr int kPairs = 1000;
  for (int i = 0; i < kPairs; ++i) {
    requests += resp({"SET", "k", std::to_string(1000 + i)});
    requests += resp({"GET", "k"});
  }
  client.send(requests);
  for (int i = 0; i < kPairs; ++i) {
    ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_EQ(client.read_line(), "$4");
    ASSERT_EQ(client.read_line(), std::to_string(1000 + i));
  }
  EXPECT_LT(server.store().stats().groups - before, kPairs / 10);
}

// A reply that is known at once waits for the ones before it.
TEST(OrderTest, ErrorsAndPingsBehindWritesWait) {
  TestServer server;
  TestClient client(server.port());
  std::string requests;
  for (int i = 0; i < 500; ++i) requests += "set k v\nping\n" + resp({"SET", "k"}) + "list\n";
  client.send(requests);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_EQ(client.read_line(), "+PONG");
    ASSERT_EQ(client.read_line(), "-ERR wrong number of arguments for 'set' command");
    ASSERT_EQ(client.read_line(), "+LIST 1");
    ASSERT_EQ(client.read_line(), "k");
  }
}

// The version of the protocol belongs to the request, not to the moment of its reply.
TEST(OrderTest, HelloBehindAWriteDoesNotChangeTheReplyBeforeIt) {
  TestServer server;
  TestClient client(server.port());
  client.send(resp({"SET", "k", "v", "NX", "GET"}) + resp({"HELLO", "3"}) + resp({"GET", "missing"}));
  EXPECT_EQ(client.read_line(), "$-1");
  EXPECT_EQ(client.read_line(), "%7");
  for (int i = 0; i < 24; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*0");
  EXPECT_EQ(client.read_line(), "_");
}

// A compaction takes its time; the requests behind it wait, other connections do not.
TEST(OrderTest, CompactIsAnsweredBetweenItsNeighbours) {
  TestServer server;
  TestClient client(server.port());
  TestClient other(server.port());
  client.send("set k v\ncompact\nget k\n");
  EXPECT_EQ(other.ask("ping"), "+PONG");
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_TRUE(client.read_line().starts_with("+OK reclaimed "));
  EXPECT_TRUE(client.read_line().starts_with("+VALUE 1 "));
}

// An event loop commits what is quick itself, where no sync has to be waited for; but it counts no keys for
// DELPREFIX. Another connection's request is answered meanwhile: nearly always at once, but a busy machine
// may wake the loop too late.
TEST(OrderTest, WhatTakesLongHoldsUpNobodyElseOfTheSameLoop) {
  constexpr int kKeys = 400'000, kAttempts = 10;
  for (const char* request : {"delprefix key\r\n", "multi\r\ndelprefix key\r\nexec\r\n"}) {
    TestServer::Setup setup;
    setup.store.fsync = Fsync::kNever;
    TestServer server(setup);
    TestClient client(server.port());
    TestClient other(server.port());
    bool was_answered_meanwhile = false;
    for (int attempt = 0; attempt < kAttempts && !was_answered_meanwhile; ++attempt) {
      for (int i = 0; i < kKeys; i += 10'000) {
        WriteBatch batch;
        for (int k = i; k < i + 10'000; ++k) batch.set(fmt::format("key{}", k), "");
        ASSERT_TRUE(server.store().write(batch));
      }
      // Until the writer's thread sleeps: only then would an event loop do its work.
      for (int i = 0; i < 300; ++i) ASSERT_EQ(client.ask("set key0 x"), "+OK");
      ASSERT_EQ(other.ask("ping"), "+PONG");
      client.send(request);
      EXPECT_EQ(other.ask("ping"), "+PONG");
      was_answered_meanwhile = server.store().size() == std::uint64_t{kKeys};
      std::string reply;
      do {
        reply = client.read_line();
      } while (!reply.ends_with(std::to_string(kKeys)) && !reply.empty());
      EXPECT_TRUE(reply.ends_with(std::to_string(kKeys))) << reply;
      EXPECT_EQ(server.store().size(), 0u);
    }
    EXPECT_TRUE(was_answered_meanwhile) << "each time it was over before the other had its turn: " << request;
  }
}

// Every split of a short conversation into two packets.
TEST(OrderTest, AnySplitOfTheInputGivesTheSameReplies) {
  TestServer server;
  const std::string conversation = "set k \"a b\"\r\n" + resp({"APPEND", "k", "\r\n"}) +
                                   "put k 4\r\n\r\n\r\n\r\nget k\n" + resp({"STRLEN", "k"}) +
                                   "nosuch\r\ndel k\n";
  std::string expected;
  {
    TestClient client(server.port());
    client.send(conversation);
    client.half_close();
    expected = client.read_all();
  }
  ASSERT_TRUE(expected.starts_with("+OK\r\n:5\r\n+OK\r\n+VALUE 4 "));
  const auto without_versions = [](std::string text) {
    const std::size_t at = text.find("+VALUE 4 ") + 9;
    return text.erase(at, text.find("\r\n", at) - at);
  };
  for (std::size_t split = 1; split < conversation.size(); ++split) {
    TestClient client(server.port());
    client.send(std::string_view(conversation).substr(0, split));
    client.send(std::string_view(conversation).substr(split));
    client.half_close();
    ASSERT_EQ(without_versions(client.read_all()), without_versions(expected)) << "split at " << split;
  }
}

}  // namespace minikv::server
