// A server with a small budget for its clients.
#pragma once

// are served.
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {

inline constexpr std::size_t kMiBytes = 1024 * 1024;

class HeavyClientFixture : public testing::Test {
 protected:
  // A budget of 64 MiB: one request may have 24.
  static TestServer::Setup setup(std::chrono::milliseconds request_timeout = std::chrono::seconds(30)) {
    TestServer::Setup setup;
    setup.options.max_client_memory = 64 * kMiBytes;
    setup.options.request_timeout = request_timeout;
    setup.options.stall_timeout = std::chrono::milliseconds(1200);
    return setup;
  }
  explicit HeavyClientFixture(const TestServer::Setup& given = setup()) : server_(given) {
    EXPECT_TRUE(server_.store().set("small", "value"));
  }

  void put(const std::string& key, std::size_t bytes) {
    EXPECT_TRUE(server_.store().set(key, std::string(bytes, key.front())));
  }
  // A number out of INFO.
  std::size_t info(std::string_view name) {
    TestClient client(server_.port());
    client.send(resp({"INFO"}));
    const std::string text = client.read(std::stoul(client.read_line().substr(1)) + 2);
    const std::size_t at = text.find("\n" + std::string(name) + ":");
    return at == std::string::npos ? 0 : std::stoul(text.substr(at + name.size() + 2));
  }
  void expect_served() {
    TestClient client(server_.port());
    EXPECT_EQ(client.ask(resp({"SET", "other", "1"})), "+OK");
    client.send(resp({"GET", "small"}));
    EXPECT_EQ(client.read(11), "$5\r\nvalue\r\n");
  }
  static void expect_value(TestClient& client, std::string_view key, std::size_t bytes) {
    ASSERT_EQ(client.read_line(), fmt::format("${}", bytes));
    ASSERT_TRUE(client.read(bytes) == std::string(bytes, key.front()));
    ASSERT_EQ(client.read(2), "\r\n");
  }

  TestServer server_;
};

}  // namespace minikv::server
