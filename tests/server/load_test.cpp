// Several event loops under load: many connections, all at once, each with its own order to keep.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {

TEST(LoadTest, CountersOfManyConnectionsAddUp) {
  TestServer::Setup setup;
  setup.options.io_threads = 3;
  TestServer server(setup);
  constexpr int kClients = 12;
  constexpr int kRounds = 20;
  constexpr int kPipeline = 50;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      TestClient client(server.port());
      const std::string own = fmt::format("own{}", c);
      int counted = 0;
      for (int round = 0; round < kRounds; ++round) {
        std::string requests;
        for (int i = 0; i < kPipeline; ++i) {
          requests += resp({"INCR", own}) + resp({"INCR", "shared"}) + resp({"GET", own});
        }
        client.send(requests);
        for (int i = 0; i < kPipeline; ++i) {
          const std::string expected = std::to_string(++counted);
          if (client.read_line() != ":" + expected) ++wrong;
          if (!client.read_line().starts_with(":")) ++wrong;
          if (client.read_line() != fmt::format("${}", expected.size())) ++wrong;
          if (client.read_line() != expected) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  TestClient client(server.port());
  client.send(resp({"GET", "shared"}));
  client.read_line();
  EXPECT_EQ(client.read_line(), std::to_string(kClients * kRounds * kPipeline));
}

// Reads from one loop see what another loop's client was told is written.
TEST(LoadTest, AnAcknowledgedWriteIsSeenByEveryOtherConnection) {
  TestServer::Setup setup;
  setup.options.io_threads = 2;
  TestServer server(setup);
  TestClient writer(server.port());
  TestClient reader(server.port());
  for (int i = 0; i < 300; ++i) {
    const std::string value = std::to_string(1000 + i);
    ASSERT_EQ(writer.ask("set k " + value), "+OK");
    reader.send(resp({"GET", "k"}));
    ASSERT_EQ(reader.read_line(), "$4");
    ASSERT_EQ(reader.read_line(), value);
  }
}

// Connections come and go, politely and not, while others work and one compacts.
TEST(LoadTest, ComingsAndGoingsDisturbNobody) {
  TestServer::Setup setup;
  setup.options.io_threads = 2;
  TestServer server(setup);
  std::atomic<bool> done{false};
  std::thread guests([&] {
    for (int i = 0; !done; ++i) {
      TestClient guest(server.port());
      guest.send(fmt::format("set guest {}\nget guest\nlist\nincr visits\n", i));
      if (i % 3 == 0) guest.reset();
      if (i % 3 == 1) guest.half_close();
      if (i % 3 == 1) guest.read_all();
    }
  });
  std::thread compactor([&] {
    TestClient client(server.port());
    while (!done) {
      if (!client.ask("compact").starts_with("+OK reclaimed ")) ADD_FAILURE() << "compact failed";
    }
  });
  TestClient client(server.port());
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client.ask(fmt::format("set k {}", i)), "+OK");
    ASSERT_TRUE(client.ask("get k").starts_with("+VALUE "));
    ASSERT_EQ(client.read_line(), std::to_string(i));
  }
  done = true;
  guests.join();
  compactor.join();
}

}  // namespace minikv::server
