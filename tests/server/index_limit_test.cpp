// What clients are told where the keys take all of the memory that they may.
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TestServer::Setup with_a_small_index() {
  TestServer::Setup setup;
  setup.store.max_index_bytes = 64 * 1024;
  setup.store.fsync = Fsync::kNever;
  return setup;
}

class IndexLimitOverTheWireTest : public testing::Test {
 protected:
  IndexLimitOverTheWireTest() {
    while (client_.ask(resp({"SET", key(stored_), "v"})) == "+OK") ++stored_;
  }
  static std::string key(int n) { return fmt::format("key-{}", n); }

  TestServer server_{with_a_small_index()};
  TestClient client_{server_.port()};
  int stored_ = 0;
};

TEST_F(IndexLimitOverTheWireTest, WhatAddsKeysIsRefusedInBothDialects) {
  EXPECT_GT(stored_, 100);
  const auto refused = [](const std::string& code) {
    return testing::AllOf(StartsWith(code), HasSubstr("max_index_memory"));
  };
  EXPECT_THAT(client_.ask(resp({"SET", "new", "v"})), refused("-OOM "));
  EXPECT_THAT(client_.ask(resp({"MSET", key(0), "w", "new", "v"})), refused("-OOM "));
  EXPECT_THAT(client_.ask(resp({"INCR", "new"})), refused("-OOM "));
  EXPECT_THAT(client_.ask(resp({"COPY", key(0), "new"})), refused("-OOM "));
  EXPECT_THAT(TestClient(server_.port()).ask("set new v\r\n"), HasSubstr("max_index_memory"));
  // Of a request that is refused nothing was done.
  EXPECT_EQ(server_.store().get(key(0))->data, "v");
  EXPECT_FALSE(server_.store().get("new").is_ok());
}

TEST_F(IndexLimitOverTheWireTest, ATransactionIsRefusedAsAWhole) {
  ASSERT_EQ(client_.ask(resp({"MULTI"})), "+OK");
  ASSERT_EQ(client_.ask(resp({"SET", key(0), "w"})), "+QUEUED");
  ASSERT_EQ(client_.ask(resp({"SET", "new", "v"})), "+QUEUED");
  EXPECT_THAT(client_.ask(resp({"EXEC"})), StartsWith("-OOM "));
  EXPECT_EQ(server_.store().get(key(0))->data, "v");
  // One that makes room for what it adds is carried out.
  ASSERT_EQ(client_.ask(resp({"MULTI"})), "+OK");
  ASSERT_EQ(client_.ask(resp({"DEL", key(0), key(1), key(2)})), "+QUEUED");
  ASSERT_EQ(client_.ask(resp({"SET", "new", "v"})), "+QUEUED");
  ASSERT_EQ(client_.ask(resp({"EXEC"})), "*2");
  EXPECT_EQ(client_.read_line(), ":3");
  EXPECT_EQ(client_.read_line(), "+OK");
}

TEST_F(IndexLimitOverTheWireTest, OverwritesAndDeletesPassAndMakeRoom) {
  EXPECT_EQ(client_.ask(resp({"SET", key(0), "another"})), "+OK");
  EXPECT_EQ(client_.ask(resp({"APPEND", key(0), "!"})), ":8");
  EXPECT_EQ(client_.ask(resp({"RENAME", key(0), key(1)})), "+OK");
  // A table may have to grow for one key, which takes as much as many.
  for (int n = 1; n < 100; ++n) ASSERT_EQ(client_.ask(resp({"DEL", key(n)})), ":1");
  EXPECT_EQ(client_.ask(resp({"SET", "new", "v"})), "+OK");
  EXPECT_EQ(client_.ask(resp({"FLUSHALL"})), "+OK");
  EXPECT_EQ(client_.ask(resp({"SET", "newer", "v"})), "+OK");
}

}  // namespace
}  // namespace minikv::server
