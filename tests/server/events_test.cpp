// The kernel tells once of what a client sends: nothing of it is forgotten, whatever the session does
// meanwhile.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"
#include "tests/support/reader_block.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"

namespace minikv::server {
namespace {

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// A client whose first request waits for a value from the disk, and that is not read from meanwhile.
class HeldBackTest : public testing::Test {
 protected:
  HeldBackTest() {
    TestServer::Setup setup;
    setup.store.file_system = &files_;
    setup.store.clock = &clock_;
    setup.store.fsync = Fsync::kNever;
    setup.store.reader_threads = 1;
    server_ = std::make_unique<TestServer>(setup);
    EXPECT_TRUE(server_->store().set("a", std::string(10'000, 'a')));
    files_.note_page_fault_elsewhere();
    clock_.advance_ms(1'000);
    files_.forget_pages();
    client_ = std::make_unique<TestClient>(server_->port());
    other_ = std::make_unique<TestClient>(server_->port());
    block_ = std::make_unique<sim::ReaderBlock>(server_->store());
    client_->send(resp({"APPEND", "a", "x"}));
    let_the_loop_see_it();
  }

  // The one loop takes events in the order in which they come.
  void let_the_loop_see_it() { EXPECT_EQ(other_->ask("ping"), "+PONG"); }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<TestClient> client_, other_;
  std::unique_ptr<sim::ReaderBlock> block_;
};

TEST_F(HeldBackTest, WhatCameMeanwhileIsAnsweredAfterwards) {
  client_->send(resp({"SET", "b", "1"}));
  let_the_loop_see_it();
  client_->send(resp({"GET", "b"}));
  let_the_loop_see_it();
  EXPECT_FALSE(server_->store().exists("b")) << "it is not held back";
  block_->release();
  EXPECT_EQ(client_->read(8 + 5 + 7), ":10001\r\n+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(client_->ask(resp({"PING"})), "+PONG");
}

TEST_F(HeldBackTest, WhatCameMeanwhileWithTheEndOfTheStreamIsAnsweredAfterwards) {
  client_->send_and_half_close(resp({"SET", "b", "1"}) + resp({"GET", "b"}));
  let_the_loop_see_it();
  block_->release();
  EXPECT_EQ(client_->read_all(), ":10001\r\n+OK\r\n$1\r\n1\r\n");
}

// More than one read takes, and more than one turn does.
TEST_F(HeldBackTest, MuchThatCameMeanwhileIsAnsweredAfterwards) {
  constexpr int kPings = 100'000;
  std::thread sender([&] { client_->send_and_half_close(repeated("*1\r\n$4\r\nPING\r\n", kPings)); });
  let_the_loop_see_it();
  block_->release();
  EXPECT_TRUE(client_->read_all() == ":10001\r\n" + repeated("+PONG\r\n", kPings));
  sender.join();
}

TEST_F(HeldBackTest, AClientThatHasGoneMeanwhileIsLetGoOf) {
  client_->send(resp({"SET", "b", "1"}));
  client_->reset();
  let_the_loop_see_it();
  block_->release();
  EXPECT_TRUE(eventually([&] {
    other_->send(resp({"INFO", "clients"}));
    const std::string info = other_->read(std::stoul(other_->read_line().substr(1)) + 2);
    return info.find("connected_clients:1\r\n") != std::string::npos;
  }));
}

// recv() stops in front of it, with less than there is.
TEST_F(HeldBackTest, AnOutOfBandByteHidesNothingBehindIt) {
  client_->send("ping\n");
  client_->send_out_of_band('!');
  client_->send("ping\nping\n");
  let_the_loop_see_it();
  block_->release();
  EXPECT_EQ(client_->read_line(), ":10001");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client_->read_line(), "+PONG");
}

TEST(EventsTest, TheEndOfTheStreamIsSeenInTheSegmentOfTheLastRequest) {
  TestServer server;
  const std::string value(300'000, 'v');  // more than a turn reads
  for (int i = 0; i < 50; ++i) {
    TestClient small(server.port()), large(server.port()), quits(server.port());
    small.send_and_half_close("ping\n");
    large.send_and_half_close(resp({"SET", "k", value}) + resp({"STRLEN", "k"}));
    quits.send_and_half_close("quit\nping\n");
    EXPECT_EQ(small.read_all(), "+PONG\r\n");
    EXPECT_EQ(large.read_all(), "+OK\r\n:300000\r\n");
    EXPECT_EQ(quits.read_all(), "+OK\r\n");
  }
}

// It stops taking replies, time and again, while there is input for many turns.
TEST(EventsTest, AClientThatSendsMuchAndReadsSlowlyGetsEveryReply) {
  TestServer::Setup setup;
  setup.options.max_output_bytes = 100'000;
  TestServer server(setup);
  TestClient slow(server.port(), {.receive_buffer_bytes = 4096});
  const std::string value(1'000, 'x');
  ASSERT_EQ(slow.ask(resp({"SET", "k", value})), "+OK");
  constexpr int kRequests = 30'000;
  std::thread sender([&] { slow.send_and_half_close(repeated(resp({"GET", "k"}), kRequests)); });
  const std::string reply = fmt::format("$1000\r\n{}\r\n", value);
  int right = 0;
  for (int i = 0; i < kRequests; ++i) {
    if (i % 5'000 == 0) pause_briefly();
    right += slow.read(reply.size()) == reply ? 1 : 0;
  }
  EXPECT_EQ(right, kRequests);
  EXPECT_EQ(slow.read_all(), "");
  sender.join();
}

// Their requests come with the request that closes them.
TEST(EventsTest, EventsOfConnectionsThatWereJustClosedHarmNobody) {
  TestServer server;
  TestClient killer(server.port());
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<TestClient>> victims;
    std::string kills;
    for (int i = 0; i < 20; ++i) {
      victims.push_back(std::make_unique<TestClient>(server.port()));
      const std::string id = victims.back()->ask(resp({"CLIENT", "ID"})).substr(1);
      kills += resp({"CLIENT", "KILL", "ID", id});
    }
    killer.send(kills);
    for (const auto& victim : victims) victim->send_some("ping\n");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(killer.read_line(), ":1");
    for (const auto& victim : victims) victim->reset();
  }
  EXPECT_EQ(killer.ask("ping"), "+PONG");
}

}  // namespace
}  // namespace minikv::server
