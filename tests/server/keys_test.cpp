// KEYS beside a compaction, and SCAN over many keys.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"
#include "tests/server/reply_reader.h"

namespace minikv::server {

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
  for (const char* const count : {"10", "777", "100000"}) {
    TestClient client(server.port());
    std::set<std::string> seen;
    std::string cursor = "0";
    do {
      client.send(resp({"SCAN", cursor, "COUNT", count, "MATCH", "key*"}));
      ASSERT_EQ(client.read_line(), "*2");
      cursor = read_bulk_string(client);
      const long keys = std::stol(client.read_line().substr(1));
      EXPECT_LE(keys, std::stol(count) + 256);
      for (long i = 0; i < keys; ++i) EXPECT_TRUE(seen.insert(read_bulk_string(client)).second);
    } while (cursor != "0");
    EXPECT_EQ(seen.size(), 20'000u);
  }
}

}  // namespace minikv::server
