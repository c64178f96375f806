// Walks over keys with patterns that take long to match: nobody but who asked waits for them, and a stop does
// not either.
#include <chrono>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"
#include "tests/server/reply_reader.h"
#include "tests/support/test_scale.h"

namespace minikv::server {

namespace {

constexpr std::size_t kLongKeyBytes = 65'000;

std::string many_times(std::string_view piece, std::size_t times) {
  std::string all;
  while (times-- > 0) all += piece;
  return all;
}

// For each of the keys below about 30 million steps; a sanitizer makes each of them take as long as eight.
std::string long_pattern() { return "*" + many_times("[ab]", test::kIsSanitized ? 4'000 : 32'000) + "c*"; }

TestServer::Setup unsynced() {
  TestServer::Setup setup;
  setup.store.fsync = Fsync::kNever;
  return setup;
}

void store_long_keys(TestServer& server, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(server.store().set(std::string(kLongKeyBytes, 'a') + std::to_string(i), "v"));
  }
}

// All keys that SCAN comes by, and how many requests that takes.
std::pair<std::size_t, int> scan_all(TestClient& client, const std::string& pattern,
                                     const std::string& count) {
  std::size_t keys = 0;
  int requests = 0;
  std::string cursor = "0";
  do {
    client.send(resp({"SCAN", cursor, "MATCH", pattern, "COUNT", count}));
    EXPECT_EQ(client.read_line(), "*2");
    cursor = read_bulk_string(client);
    const long found = std::stol(client.read_line().substr(1));
    for (long i = 0; i < found; ++i) read_reply(client);
    keys += static_cast<std::size_t>(found);
    ++requests;
  } while (cursor != "0");
  return {keys, requests};
}

}  // namespace

// The longest class there may be, over keys of 30 kB, which took seconds for each request when it was read
// anew for each byte.
TEST(PatternWalkTest, ALongClassIsReadOnce) {
  TestServer server(unsynced());
  for (const char c : {'1', '2', '3'}) ASSERT_TRUE(server.store().set(std::string(30'000, 'a') + c, "v"));
  TestClient client(server.port());
  const std::string pattern = "*[" + std::string(30'000, 'b') + "]c";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(scan_all(client, pattern, "10").first, 0U);
  EXPECT_EQ(client.ask(resp({"KEYS", pattern})), "*0");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(scan_all(client, "*[" + std::string(30'000, 'b') + "3]", "10").first, 1U);
}

TEST(PatternWalkTest, OthersAreAnsweredMeanwhile) {
  TestServer server(unsynced());  // one event loop
  store_long_keys(server, 40);
  for (const std::string& command : {std::string("KEYS"), std::string("SCAN")}) {
    TestClient slow(server.port()), other(server.port());
    const std::string pattern = long_pattern();
    slow.send(command == "KEYS" ? resp({"KEYS", pattern})
                                : resp({"SCAN", "0", "MATCH", pattern, "COUNT", "100000"}));
    slow.send(resp({"CLIENT", "SETNAME", "done"}));
    int answered = 0;
    for (; answered < 50; ++answered) {
      EXPECT_EQ(other.ask(resp({"PING"})), "+PONG");
      other.send(resp({"CLIENT", "LIST"}));
      if (read_bulk_string(other).find(" name=done ") != std::string::npos) break;
    }
    EXPECT_GE(answered, 3) << command << ": it was over before: nothing was tried";
    read_reply(slow);
    EXPECT_EQ(read_reply(slow), "+OK\r\n");
  }
}

TEST(PatternWalkTest, AScanEndsEarlyWhereItsPatternTakesLong) {
  TestServer server(unsynced());
  store_long_keys(server, 40);
  TestClient client(server.port());
  // It comes by every key all the same.
  const auto [keys, requests] = scan_all(client, many_times("[ab]", 8'000) + "*", "100000");
  EXPECT_EQ(keys, 40U);
  EXPECT_GT(requests, 3);
  EXPECT_EQ(scan_all(client, "a*", "100000").first, 40U);
}

TEST(PatternWalkTest, InATransactionTheWriterDoesNotMatch) {
  TestServer server(unsynced());
  store_long_keys(server, 10);
  TestClient slow(server.port()), other(server.port());
  const std::string pattern = long_pattern();
  slow.send(resp({"MULTI"}) + resp({"SET", "marker", "1"}) + resp({"KEYS", pattern}) +
            resp({"SCAN", "0", "MATCH", pattern, "COUNT", "100"}) + resp({"KEYS", "mark*"}) + resp({"EXEC"}));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(slow.read_line().empty());
  EXPECT_TRUE(eventually([&] { return other.ask(resp({"EXISTS", "marker"})) == ":1"; }));
  // The batch is through, and writes are; the transaction's reply may take as long as it likes.
  EXPECT_EQ(other.ask(resp({"SET", "k", "v"})), "+OK");
  EXPECT_EQ(slow.read_line(), "*4");
  EXPECT_EQ(slow.read_line(), "+OK");
  EXPECT_EQ(slow.read_line(), "*0");
  const std::string page = read_reply(slow);
  EXPECT_TRUE(page.starts_with("*2\r\n$") && page.ends_with("*0\r\n")) << page;
  EXPECT_EQ(read_reply(slow), "*1\r\n$6\r\nmarker\r\n");
}

// With the longest pattern, and keys for a quarter of a minute and more.
TEST(PatternWalkTest, AStopDoesNotWaitForAWalk) {
  std::chrono::steady_clock::time_point asked;
  {
    TestServer server(unsynced());
    store_long_keys(server, 500);
    TestClient client(server.port()), other(server.port());
    client.send(resp({"KEYS", long_pattern()}));
    EXPECT_EQ(other.ask(resp({"PING"})), "+PONG");
    asked = std::chrono::steady_clock::now();
    server.server().stop();
  }  // the worker has ended
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(10));
}

TEST(PatternWalkTest, AWalkWhoseClientHasGoneIsGivenUp) {
  TestServer server(unsynced());
  store_long_keys(server, 500);
  TestClient client(server.port());
  for (const std::string& name : {std::string("one"), std::string("two")}) {  // one for each worker
    TestClient gone(server.port());
    gone.send(resp({"CLIENT", "SETNAME", name}) + resp({"KEYS", long_pattern()}));
    EXPECT_TRUE(eventually([&] { return client_field(client_line(client, name), "cmd") == "keys"; }));
    gone.reset();
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(client.ask(resp({"KEYS", "nothing*"})), "*0");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(PatternWalkTest, LongPatternsForNamesAreRefused) {
  TestServer server;
  TestClient client(server.port());
  const std::string pattern(20'000, '*');
  for (const std::string& request :
       {resp({"CONFIG", "GET", pattern}), resp({"COMMAND", "LIST", "FILTERBY", "PATTERN", pattern})}) {
    EXPECT_EQ(client.ask(request), "-ERR patterns for names have at most 16384 bytes, all together");
  }
}

}  // namespace minikv::server
