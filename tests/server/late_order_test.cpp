// For a moment after a start the keys are not in order yet: who walks over them waits, and nobody else does.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/server/harness.h"
#include "tests/support/order_block.h"

namespace minikv::server {

namespace {

constexpr int kManyKeys = 12'000;

TestServer::Setup with_many_keys(const test::OrderBlock& block) {
  TestServer::Setup setup;
  setup.options.io_threads = 1;       // what would hold it up would hold up all
  setup.store.fsync = Fsync::kNever;  // so that it commits small groups itself
  setup.store.log = block.log();
  setup.prepare = [options = setup.store](const std::string& data_directory) mutable {
    options.log = {};
    auto store = Store::open(data_directory, options);
    ASSERT_TRUE(store) << store.status().message();
    WriteBatch batch;
    for (int i = 0; i < kManyKeys; ++i) batch.set(fmt::format("key{}", 100'000 + i), std::to_string(i));
    ASSERT_TRUE((*store)->write(batch));
  };
  return setup;
}

struct Walk {
  std::string request;
  std::string first_line;
  std::vector<std::string> lines;
};

TEST(LateOrderTest, WalksWaitAndNothingElse) {
  const std::vector<Walk> walks = {
      {"list key1000 limit 2\n", "+LIST 2 more", {"key100000", "key100001"}},
      {"scan key1000 limit 1\n", "+PAIRS 1 more", {}},
      {"range key100005 key100007\n", "+PAIRS 2", {}},
      {resp({"LIST", "key1119", "LIMIT", "1"}), "*2", {"$9", "key111900"}},
      {resp({"KEYS", "key11199*"}), "*10", {}},
      {"delprefix key1119\n", "+INT 100", {}},
      {"flushall\n", "+OK", {}},
      {"multi\nlist limit 1\nexec\n", "+OK", {"+QUEUED"}},
  };
  for (const Walk& walk : walks) {
    test::OrderBlock block;
    TestServer server(with_many_keys(block));
    ASSERT_FALSE(server.store().is_in_order());
    TestClient walker(server.port()), other(server.port());
    // Its replies come in their order all the same.
    walker.send("get key100001\n" + walk.request + "ping\n");
    EXPECT_TRUE(walker.read_line().starts_with("+VALUE 1 ")) << walk.request;
    EXPECT_EQ(walker.read_line(), "1") << walk.request;
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(other.ask("get key100003\n").starts_with("+VALUE 1 ")) << walk.request;
      EXPECT_EQ(other.read_line(), "3") << walk.request;
      EXPECT_EQ(other.ask("dbsize\n"), fmt::format("+INT {}", kManyKeys)) << walk.request;
    }
    ASSERT_FALSE(server.store().is_in_order()) << walk.request;
    block.release();
    EXPECT_EQ(walker.read_line(), walk.first_line) << walk.request;
    for (const std::string& line : walk.lines) EXPECT_EQ(walker.read_line(), line) << walk.request;
  }
}

TEST(LateOrderTest, AServerStopsWhileSomebodyWaits) {
  test::OrderBlock block;
  TestServer server(with_many_keys(block));
  TestClient walker(server.port());
  walker.send("list\n");
  EXPECT_EQ(TestClient(server.port()).ask("ping\n"), "+PONG");
  block.release();
}

}  // namespace

}  // namespace minikv::server
