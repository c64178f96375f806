// Very many clients that send half of a request and no more: all others are served, and the budget holds.
#include "tests/server/heavy_client_fixture.h"

namespace minikv::server {
namespace {

// Each holds so little that it is a small one, and together they hold all that there is.
class HalfRequestsTest : public HeavyClientFixture {
 protected:
  static constexpr std::size_t kClients = 300;

  static TestServer::Setup setup() {
    TestServer::Setup setup = HeavyClientFixture::setup(std::chrono::seconds(2));
    setup.options.max_client_memory = 16 * kMiBytes;
    return setup;
  }
  HalfRequestsTest() : HeavyClientFixture(setup()) {}

  void send_halves(const std::string& half) {
    for (std::size_t i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<TestClient>(server_.port()));
      clients_.back()->send_some(half);
    }
  }

  std::vector<std::unique_ptr<TestClient>> clients_;
};

TEST_F(HalfRequestsTest, OfTextKeepNobodyFromBeingServed) {
  TestClient before(server_.port());
  ASSERT_EQ(before.ask("ping\n"), "+PONG");
  send_halves("set a " + std::string(150'000, 'x'));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(before.ask("set b 1\n"), "+OK");
    expect_served();
  }
  EXPECT_LT(info("mem_clients_normal"), 16 * kMiBytes);
  // Most are refused, and those that could stay go on.
  int refused = 0;
  for (const auto& client : clients_) {
    const std::string answer = client->ask("\nping\n");
    EXPECT_TRUE(answer == "+OK" || answer.starts_with("-OOM ")) << answer;
    refused += answer == "+OK" ? 0 : 1;
    EXPECT_EQ(client->read_line(), "+PONG");
  }
  EXPECT_GT(refused, 100);
  EXPECT_LT(info("mem_clients_normal"), kMiBytes);
}

TEST_F(HalfRequestsTest, OfManyWordsKeepNobodyFromBeingServed) {
  TestClient before(server_.port());
  ASSERT_EQ(before.ask("ping\n"), "+PONG");
  std::string half = "*100000\r\n$4\r\nMGET\r\n";
  for (int i = 0; i < 9'000; ++i) half += "$1\r\na\r\n";
  send_halves(half);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(before.ask("set b 1\n"), "+OK");
    expect_served();
  }
}

TEST_F(HalfRequestsTest, DoNotHoldUpTheEnd) {
  const auto sent = std::chrono::steady_clock::now();
  send_halves("set a " + std::string(150'000, 'x'));
  expect_served();
  const auto begun = std::chrono::steady_clock::now();
  const bool is_prompt = begun - sent < std::chrono::milliseconds(500);  // so that some still wait
  server_.server().stop();
  int told = 0;
  for (const auto& client : clients_) {
    client->allow_reset();
    const std::string all = client->read_all();
    EXPECT_TRUE(all.empty() || all.starts_with("-OOM ") || all.starts_with("-SHUTDOWN ")) << all;
    told += all.starts_with("-SHUTDOWN ") ? 1 : 0;
  }
  if (is_prompt) {
    EXPECT_GT(told, 0) << "nobody waited for memory";
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(4));
}

}  // namespace
}  // namespace minikv::server
