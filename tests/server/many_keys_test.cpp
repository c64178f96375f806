// Commands with very many keys answer as those with a few do, in the order of the requests, though a reader
// looks the keys up.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {
namespace {

constexpr std::size_t kKeysAsked = 3 * Store::kMaxKeysAtOnce;

std::string key(std::size_t n) { return fmt::format("key{}", n); }

// `verb` with all keys.
std::string of_all(std::string_view verb) {
  std::vector<std::string> words = {std::string(verb)};
  for (std::size_t n = 0; n < kKeysAsked; ++n) words.push_back(key(n));
  return resp_of(words);
}

// `verb` with all keys, and `value` for each.
std::string all_set(std::string_view verb, std::string_view value) {
  std::vector<std::string> words = {std::string(verb)};
  for (std::size_t n = 0; n < kKeysAsked; ++n) {
    words.push_back(key(n));
    words.emplace_back(value);
  }
  return resp_of(words);
}

class ManyKeysTest : public testing::Test {
 protected:
  // Every third key.
  void set_some() {
    for (std::size_t n = 0; n < kKeysAsked; n += 3)
      ASSERT_TRUE(server_.store().set(key(n), fmt::format("v{}", n)));
  }
  void expect_some(TestClient& client) {
    ASSERT_EQ(client.read_line(), fmt::format("*{}", kKeysAsked));
    for (std::size_t n = 0; n < kKeysAsked; ++n) {
      if (n % 3 != 0) {
        ASSERT_EQ(client.read_line(), "$-1") << n;
      } else {
        ASSERT_EQ(client.read_line(), fmt::format("${}", fmt::format("v{}", n).size())) << n;
        ASSERT_EQ(client.read_line(), fmt::format("v{}", n));
      }
    }
  }
  static void expect_values(TestClient& client, std::string_view value, std::size_t count = kKeysAsked) {
    ASSERT_EQ(client.read_line(), fmt::format("*{}", count));
    for (std::size_t n = 0; n < count; ++n) {
      ASSERT_EQ(client.read_line(), fmt::format("${}", value.size())) << n;
      ASSERT_EQ(client.read_line(), value);
    }
  }

  static TestServer::Setup unsynced() {
    TestServer::Setup setup;
    setup.store.fsync = Fsync::kNever;
    return setup;
  }

  TestServer server_{unsynced()};
};

TEST_F(ManyKeysTest, AreRead) {
  set_some();
  TestClient client(server_.port());
  client.send(of_all("MGET"));
  expect_some(client);
  EXPECT_EQ(client.ask(of_all("EXISTS")), fmt::format(":{}", kKeysAsked / 3));
  EXPECT_EQ(client.ask(of_all("TOUCH")), fmt::format(":{}", kKeysAsked / 3));
}

TEST_F(ManyKeysTest, CountAsOftenAsTheyAreNamedAndAreDeletedOnce) {
  TestClient client(server_.port());
  ASSERT_EQ(client.ask(resp({"SET", "a", "1"})), "+OK");
  std::vector<std::string> words(kKeysAsked + 1, "a");
  words.front() = "EXISTS";
  EXPECT_EQ(client.ask(resp_of(words)), fmt::format(":{}", kKeysAsked));
  words.front() = "DEL";
  EXPECT_EQ(client.ask(resp_of(words)), ":1");
  EXPECT_EQ(client.ask(resp_of(words)), ":0");
}

TEST_F(ManyKeysTest, AreWrittenAndDeleted) {
  TestClient client(server_.port());
  EXPECT_EQ(client.ask(all_set("MSET", "one")), "+OK");
  EXPECT_EQ(client.ask(all_set("MSETNX", "two")), ":0");
  client.send(of_all("MGET"));
  expect_values(client, "one");
  EXPECT_EQ(client.ask(of_all("DEL")), fmt::format(":{}", kKeysAsked));
  EXPECT_EQ(client.ask(of_all("EXISTS")), ":0");
  EXPECT_EQ(client.ask(all_set("MSETNX", "three")), ":1");
  EXPECT_EQ(server_.store().size(), kKeysAsked);
  EXPECT_EQ(client.ask("delprefix key\r\n"), fmt::format("+INT {}", kKeysAsked));
  EXPECT_EQ(client.ask(of_all("EXISTS")), ":0");
}

// What comes before a request is seen by it, and what comes behind it is not.
TEST_F(ManyKeysTest, AreReadInTheOrderOfTheRequests) {
  TestClient client(server_.port());
  constexpr int kRounds = 20;
  std::string pipeline;
  for (int round = 0; round < kRounds; ++round) {
    pipeline += all_set("MSET", fmt::format("value{:02}", round));
    pipeline += of_all("MGET");
    pipeline += resp({"GET", key(7)});
    pipeline += of_all("EXISTS");
    pipeline += resp({"SET", key(8), "late"});
    pipeline += of_all("DEL");
    pipeline += of_all("EXISTS");
  }
  client.send(pipeline);
  for (int round = 0; round < kRounds; ++round) {
    const std::string value = fmt::format("value{:02}", round);
    ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_NO_FATAL_FAILURE(expect_values(client, value));
    ASSERT_EQ(client.read_line(), "$7");
    ASSERT_EQ(client.read_line(), value);
    ASSERT_EQ(client.read_line(), fmt::format(":{}", kKeysAsked));
    ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_EQ(client.read_line(), fmt::format(":{}", kKeysAsked));
    ASSERT_EQ(client.read_line(), ":0");
  }
}

TEST_F(ManyKeysTest, OfATransactionAreSeenWithItsOwnChanges) {
  set_some();
  TestClient client(server_.port());
  ASSERT_EQ(client.ask(resp({"MULTI"})), "+OK");
  for (const std::string& queued :
       {of_all("EXISTS"), of_all("MGET"), all_set("MSET", "new"), of_all("MGET"), of_all("EXISTS"),
        resp({"DEL", key(0)}), of_all("EXISTS"), all_set("MSETNX", "newer"), of_all("DEL"), of_all("EXISTS"),
        all_set("MSETNX", "newest")}) {
    ASSERT_EQ(client.ask(queued), "+QUEUED");
  }
  ASSERT_EQ(client.ask(resp({"EXEC"})), "*11");
  EXPECT_EQ(client.read_line(), fmt::format(":{}", kKeysAsked / 3));
  expect_some(client);
  EXPECT_EQ(client.read_line(), "+OK");
  expect_values(client, "new");
  EXPECT_EQ(client.read_line(), fmt::format(":{}", kKeysAsked));
  EXPECT_EQ(client.read_line(), ":1");
  EXPECT_EQ(client.read_line(), fmt::format(":{}", kKeysAsked - 1));
  EXPECT_EQ(client.read_line(), ":0");
  EXPECT_EQ(client.read_line(), fmt::format(":{}", kKeysAsked - 1));
  EXPECT_EQ(client.read_line(), ":0");
  EXPECT_EQ(client.read_line(), ":1");
  EXPECT_EQ(server_.store().get(key(1))->data, "newest");
}

// What happens to one of very many keys that are watched, and whether EXEC is then refused.
struct WatchedChange {
  std::string what;
  std::vector<std::vector<std::string>> requests;
  bool is_refused = true;
};

TEST_F(ManyKeysTest, ThatAreWatchedStopATransactionIfOneOfThemHasChanged) {
  const std::string there = key(0), absent = key(1);
  const std::vector<WatchedChange> changes = {
      {"nothing", {}, false},
      {"another key", {{"SET", "other", "1"}, {"DEL", "other"}}, false},
      {"one that was there is set", {{"SET", there, "1"}}},
      {"one that was there is deleted", {{"DEL", there}}},
      {"one that was there comes anew", {{"DEL", there}, {"SET", there, "v0"}}},
      {"the expiry of one that was there", {{"EXPIRE", there, "1000"}}},
      {"one that was not there comes", {{"SET", absent, "1"}}},
      {"one that was not there comes and goes", {{"SET", absent, "1"}, {"DEL", absent}}},
      {"all of a prefix go", {{"DELPREFIX", "key"}}},
      {"all go", {{"FLUSHALL"}}},
  };
  for (const WatchedChange& change : changes) {
    SCOPED_TRACE(change.what);
    TestClient client(server_.port()), other(server_.port());
    ASSERT_EQ(client.ask(resp({"FLUSHALL"})), "+OK");
    set_some();
    // Its own writes, which are under way, are before the watch.
    client.send(resp({"SET", absent, "1"}) + resp({"DEL", absent}) + of_all("WATCH"));
    ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_EQ(client.read_line(), ":1");
    ASSERT_EQ(client.read_line(), "+OK");
    for (const auto& words : change.requests) ASSERT_NE(other.ask(resp_of(words)).substr(0, 1), "-");
    client.send(resp({"MULTI"}) + resp({"SET", "done", "1"}) + resp({"EXEC"}));
    ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_EQ(client.read_line(), "+QUEUED");
    EXPECT_EQ(client.read_line(), change.is_refused ? "*-1" : "*1");
    EXPECT_EQ(server_.store().get("done").is_ok(), !change.is_refused);
  }
}

TEST_F(ManyKeysTest, ThatAreWatchedTwiceAndWithAFewOthersAreAllWatched) {
  set_some();
  for (const std::string& changed : {key(4), std::string("one"), std::string("two")}) {
    SCOPED_TRACE(changed);
    TestClient client(server_.port()), other(server_.port());
    client.send(resp({"WATCH", "one"}) + of_all("WATCH") + of_all("WATCH") + resp({"WATCH", "two"}));
    for (int reply = 0; reply < 4; ++reply) ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_EQ(other.ask(resp({"SET", changed, "1"})), "+OK");
    ASSERT_EQ(client.ask(resp({"MULTI"})), "+OK");
    EXPECT_EQ(client.ask(resp({"EXEC"})), "*-1");
    // With EXEC the watch is over, and so it is with UNWATCH.
    client.send(of_all("WATCH") + resp({"UNWATCH"}));
    ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_EQ(client.read_line(), "+OK");
    ASSERT_EQ(other.ask(resp({"SET", key(5), "1"})), "+OK");
    ASSERT_EQ(client.ask(resp({"MULTI"})), "+OK");
    EXPECT_EQ(client.ask(resp({"EXEC"})), "*0");
  }
}

TEST_F(ManyKeysTest, ThatAreWatchedByAllInOneWriteAreExecuted) {
  TestClient client(server_.port());
  client.send(all_set("MSET", "a") + of_all("WATCH") + resp({"MULTI"}) + of_all("EXISTS") + resp({"EXEC"}));
  for (const char* reply : {"+OK", "+OK", "+OK", "+QUEUED", "*1"}) ASSERT_EQ(client.read_line(), reply);
  EXPECT_EQ(client.read_line(), fmt::format(":{}", kKeysAsked));
}

// A client that pipelines does not see the refusal before EXEC is on its way.
TEST(ManyKeysBudgetTest, AWatchThatIsRefusedLetsNoTransactionThrough) {
  TestServer::Setup setup;
  setup.options.max_client_memory = 16 * 1024 * 1024;
  TestServer server(setup);
  TestClient client(server.port());
  std::vector<std::string> words = {"WATCH"};
  for (int n = 0; n < 100'000; ++n) words.push_back(fmt::format("a-key-{}", n));
  client.send(resp_of(words) + resp({"MULTI"}) + resp({"SET", "done", "1"}) + resp({"EXEC"}));
  EXPECT_EQ(client.read_line().substr(0, 5), "-OOM ");
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_EQ(client.read_line(), "+QUEUED");
  EXPECT_EQ(client.read_line(), "*-1");
  // It is over with that.
  client.send(resp({"MULTI"}) + resp({"SET", "done", "1"}) + resp({"EXEC"}));
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_EQ(client.read_line(), "+QUEUED");
  EXPECT_EQ(client.read_line(), "*1");
}

TEST_F(ManyKeysTest, AreReadInText) {
  set_some();
  TestClient client(server_.port());
  std::string line = "exists";
  for (std::size_t n = 0; n < kKeysAsked; ++n) line += " " + key(n);
  EXPECT_EQ(client.ask(line + "\n"), fmt::format("+INT {}", kKeysAsked / 3));
}

TEST_F(ManyKeysTest, AreNotLookedUpForAReplyThatIsNotWanted) {
  set_some();
  TestClient client(server_.port());
  client.send(resp({"CLIENT", "REPLY", "SKIP"}) + of_all("MGET") + resp({"CLIENT", "REPLY", "SKIP"}) +
              of_all("DEL") + resp({"PING"}));
  EXPECT_EQ(client.read_line(), "+PONG");
  EXPECT_EQ(client.ask(of_all("EXISTS")), ":0");
}

// The look-up takes memory of the budget for clients: what never fits is refused, and nothing is changed.
TEST(ManyKeysBudgetTest, WhatDoesNotFitIsRefused) {
  TestServer::Setup setup;
  setup.options.max_client_memory = 8 * kMiB;
  TestServer server(setup);
  TestClient client(server.port());
  ASSERT_EQ(client.ask(resp({"SET", "a", "1"})), "+OK");
  std::vector<std::string> words(60'000, "a");
  for (const std::string verb : {"EXISTS", "MGET", "DEL"}) {
    words.front() = verb;
    EXPECT_EQ(client.ask(resp_of(words)).substr(0, 4), "-OOM") << verb;
  }
  EXPECT_EQ(client.ask(resp({"EXISTS", "a"})), ":1");
  words.resize(5'000);
  words.front() = "EXISTS";
  EXPECT_EQ(client.ask(resp_of(words)), fmt::format(":{}", words.size() - 1));
}

}  // namespace
}  // namespace minikv::server
