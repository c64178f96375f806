// Values that are not in memory: nobody waits for the disk but who asked for them, and the order of replies
// stays.
#include <atomic>
#include <map>
#include <memory>
#include <random>
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

using sim::ReaderBlock;

std::string bulk(const std::string& value) { return fmt::format("${}\r\n{}\r\n", value.size(), value); }

class ColdReadServerTest : public testing::Test {
 protected:
  ColdReadServerTest() {
    TestServer::Setup setup;
    setup.store.file_system = &files_;
    setup.store.clock = &clock_;
    setup.store.fsync = Fsync::kNever;  // no frames of the writer's own
    setup.store.compaction_threshold = 0;
    setup.store.reader_threads = 1;
    server_ = std::make_unique<TestServer>(setup);
    for (const char* key : {"a", "b", "c", "hot"}) set(key, value_of(key));
    set("number", "41");
    set("large", std::string(100'000, 'l'));
  }

  // Longer than a page, so that none has all of its pages in common with another.
  static std::string value_of(const std::string& key) { return std::string(10'000, key[0]); }
  static std::string bulk_of(const std::string& key) { return bulk(value_of(key)); }

  void set(const std::string& key, const std::string& value) {
    ASSERT_TRUE(server_->store().set(key, value));
  }
  // All but "hot".
  void make_cold() {
    files_.note_page_fault_elsewhere();
    clock_.advance_ms(1'000);
    files_.forget_pages();
    const std::string at = server_->data_directory() + "/segment-00000001.dat";
    const std::string bytes = files_.disk().contents(at);
    std::string hot(value_of("hot").size() + 100, '\0');
    auto file = files_.open(at, engine::OpenMode::kRead);
    ASSERT_TRUE((*file)->read(bytes.find(value_of("hot")) - 100, hot));
  }
  void expect_reply(TestClient& client, const std::string& expected) {
    EXPECT_EQ(client.read(expected.size()), expected);
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  std::unique_ptr<TestServer> server_;
};

TEST_F(ColdReadServerTest, WhileOneClientWaitsForTheDiskTheOthersAreServed) {
  make_cold();
  TestClient cold(server_->port()), other(server_->port());
  {
    const ReaderBlock block(server_->store());
    cold.send(resp({"GET", "a"}));
    cold.send(resp({"GET", "large"}));
    for (int i = 0; i < 3; ++i) {
      other.send(resp({"GET", "hot"}));
      expect_reply(other, bulk_of("hot"));
    }
    EXPECT_EQ(other.ask(resp({"SET", "x", "1"})), "+OK");
    EXPECT_EQ(other.ask(resp({"STRLEN", "a"})), ":10000") << "needs no value";
  }
  expect_reply(cold, bulk_of("a"));
  expect_reply(cold, bulk(std::string(100'000, 'l')));
  EXPECT_EQ(files_.page_faults(), 0U);
}

TEST_F(ColdReadServerTest, RepliesKeepTheOrderOfTheRequests) {
  make_cold();
  TestClient client(server_->port());
  const std::string first =
      bulk_of("a") + "+PONG\r\n" + bulk_of("hot") + "+OK\r\n" + bulk("1") + bulk_of("b");
  {
    const ReaderBlock block(server_->store());
    client.send(resp({"GET", "a"}) + resp({"PING"}) + resp({"GET", "hot"}) + resp({"SET", "x", "1"}) +
                resp({"GET", "x"}) + resp({"GET", "b"}) + resp({"DBSIZE"}) + resp({"GET", "c"}));
    TestClient other(server_->port());
    EXPECT_TRUE(eventually([&] { return other.ask(resp({"EXISTS", "x"})) == ":1"; }))
        << "the write does not wait for the read before it";
  }
  expect_reply(client, first + ":7\r\n" + bulk_of("c"));
}

TEST_F(ColdReadServerTest, AReadIsAnsweredWithWhatWasThereWhenItCame) {
  make_cold();
  TestClient client(server_->port());
  {
    const ReaderBlock block(server_->store());
    client.send(resp({"MGET", "a", "hot", "none"}) + resp({"SET", "a", "new"}) + resp({"DEL", "hot"}) +
                resp({"MGET", "a", "hot"}));
    TestClient other(server_->port());
    EXPECT_TRUE(eventually([&] { return other.ask(resp({"EXISTS", "hot"})) == ":0"; }));
  }
  expect_reply(client, "*3\r\n" + bulk_of("a") + bulk_of("hot") + "$-1\r\n" + "+OK\r\n:1\r\n" + "*2\r\n" +
                           bulk("new") + "$-1\r\n");
}

// Looked up by the writer, cold when the session comes to read them.
TEST_F(ColdReadServerTest, ReadsBehindWritesWaitForTheDiskAndTheRepliesBehindThemForThem) {
  make_cold();
  TestClient client(server_->port());
  {
    const ReaderBlock block(server_->store());
    client.send(resp({"SET", "x", "1"}) + resp({"GET", "a"}) + resp({"SET", "y", "1"}) + resp({"GETV", "b"}) +
                resp({"PING"}) + resp({"SET", "z", "1"}));
    expect_reply(client, "+OK\r\n");
    TestClient other(server_->port());
    EXPECT_TRUE(eventually([&] { return other.ask(resp({"EXISTS", "z"})) == ":1"; }));
  }
  expect_reply(client, bulk_of("a") + "+OK\r\n*2\r\n" + bulk_of("b"));
  EXPECT_EQ(client.read_line().substr(0, 1), ":");
  expect_reply(client, "+PONG\r\n+OK\r\n");
}

TEST_F(ColdReadServerTest, PagesOfValuesAreReadByAReader) {
  make_cold();
  TestClient client(server_->port()), other(server_->port());
  {
    const ReaderBlock block(server_->store());
    client.send("range a d\nscan hot\nping\n");
    EXPECT_EQ(other.ask("ping"), "+PONG");
  }
  std::string reply;
  for (std::string line; line != "+PONG"; reply += line) line = client.read_line();
  EXPECT_NE(reply.find(value_of("a")), std::string::npos);
  EXPECT_NE(reply.find(value_of("b")), std::string::npos);
  EXPECT_NE(reply.find(value_of("c")), std::string::npos);
  EXPECT_NE(reply.find(value_of("hot")), std::string::npos);
  EXPECT_EQ(files_.page_faults(), 0U);
}

TEST_F(ColdReadServerTest, WhatIsMadeOfAColdValueIsMadeByAReader) {
  make_cold();
  TestClient client(server_->port()), other(server_->port());
  {
    const ReaderBlock block(server_->store());
    client.send(resp({"GETRANGE", "a", "-2", "-1"}) + resp({"BITCOUNT", "b"}) + resp({"SET", "x", "1"}) +
                resp({"BITPOS", "c", "1"}) + resp({"GETBIT", "x", "2"}) + resp({"DEL", "a", "b", "c"}));
    EXPECT_EQ(other.ask("ping"), "+PONG");
    EXPECT_TRUE(eventually([&] { return other.ask(resp({"EXISTS", "c"})) == ":0"; }))
        << "the writes do not wait for the reads before them";
  }
  expect_reply(client, "$2\r\naa\r\n:30000\r\n+OK\r\n:1\r\n:1\r\n:3\r\n");
  EXPECT_EQ(files_.page_faults(), 0U);
}

// It takes time by the product of the lengths, so none of the event loop's, however warm and short the values
// are.
TEST_F(ColdReadServerTest, SubsequencesAreLookedForByAReaderAndNobodyWaits) {
  TestClient client(server_->port()), other(server_->port());
  {
    const ReaderBlock block(server_->store());
    client.send(resp({"LCS", "number", "hot", "LEN"}) + resp({"SET", "a", "xhoy"}) +
                resp({"SET", "hot", "hohoho"}) + resp({"LCS", "a", "hot"}) + resp({"DEL", "hot"}));
    EXPECT_EQ(other.ask(resp({"SET", "x", "1"})), "+OK");
    EXPECT_TRUE(eventually([&] { return other.ask(resp({"EXISTS", "hot"})) == ":0"; }));
  }
  expect_reply(client, ":0\r\n+OK\r\n+OK\r\n" + bulk("ho") + ":1\r\n");
}

// ---- commands that read and write ----

TEST_F(ColdReadServerTest, ACommandThatNeedsAColdValueKeepsNobodyElsesWritesWaiting) {
  make_cold();
  TestClient client(server_->port()), other(server_->port());
  {
    const ReaderBlock block(server_->store());
    client.send(resp({"APPEND", "a", "!"}) + resp({"INCR", "number"}) + resp({"GETDEL", "b"}) +
                resp({"SET", "c", "new", "GET"}) + resp({"GET", "c"}) + resp({"EXISTS", "b"}) +
                resp({"SETRANGE", "large", "0", "L"}) + resp({"SETBIT", "large", "1", "0"}) +
                resp({"INCRBYFLOAT", "number", "0.5"}) + resp({"GETEX", "a", "PERSIST"}));
    EXPECT_EQ(other.ask(resp({"SET", "x", "1"})), "+OK");
    EXPECT_EQ(other.ask(resp({"INCR", "x"})), ":2");
    EXPECT_EQ(other.ask(resp({"STRLEN", "a"})), ":10000") << "it is not done yet";
  }
  expect_reply(client, ":10001\r\n:42\r\n" + bulk_of("b") + bulk_of("c") + bulk("new") + ":0\r\n" +
                           ":100000\r\n:1\r\n" + bulk("42.5") + bulk(value_of("a") + "!"));
  EXPECT_EQ(files_.page_faults(), 0U);
}

TEST_F(ColdReadServerTest, ADiskThatFailsIsAnErrorAndChangesNothing) {
  make_cold();
  const std::string at = server_->data_directory() + "/segment-00000001.dat";
  files_.fail_reads_of(at, files_.disk().contents(at).find(value_of("a")), 1);
  TestClient client(server_->port());
  client.send(resp({"GET", "a"}) + resp({"APPEND", "a", "!"}) + resp({"GETDEL", "a"}) +
              resp({"MGET", "b", "a"}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.read_line().substr(0, 6), "-IOERR");
  expect_reply(client, "*2\r\n" + bulk_of("b"));
  EXPECT_EQ(client.read_line().substr(0, 6), "-IOERR");
  files_.clear_faults();
  client.send(resp({"GET", "a"}));
  expect_reply(client, bulk_of("a"));
}

TEST_F(ColdReadServerTest, AReadUnderWayIsAnsweredBeforeTheServerStops) {
  make_cold();
  TestClient client(server_->port());
  auto block = std::make_unique<ReaderBlock>(server_->store());
  client.send(resp({"GET", "a"}) + resp({"APPEND", "b", "!"}));
  TestClient other(server_->port());
  EXPECT_EQ(other.ask("ping"), "+PONG");  // so the loop has read the others
  std::thread stopping([&] { server_->server().stop(); });
  EXPECT_EQ(other.read_all(), "");  // so it is stopping
  block->release();
  expect_reply(client, bulk_of("a") + ":10001\r\n");
  stopping.join();
}

TEST_F(ColdReadServerTest, AClientThatGoesWhileItsReadIsUnderWayDoesNoHarm) {
  make_cold();
  {
    const ReaderBlock block(server_->store());
    TestClient gone(server_->port());
    gone.send(resp({"GET", "a"}) + resp({"GET", "b"}) + resp({"APPEND", "c", "!"}) + resp({"GET", "c"}));
    TestClient other(server_->port());
    EXPECT_EQ(other.ask("ping"), "+PONG");
    gone.reset();
    EXPECT_EQ(other.ask("ping"), "+PONG");
  }
  TestClient client(server_->port());
  client.send(resp({"GET", "a"}));
  expect_reply(client, bulk_of("a"));
}

// Many requests, and what they are to be answered.
struct Mix {
  std::string requests, expected;
};

Mix make_mix() {
  std::mt19937 random(20'261'122);
  std::map<std::string, std::string> model;
  Mix mix;
  auto& [requests, expected] = mix;
  for (int i = 0; i < 3'000; ++i) {
    const std::string key = fmt::format("k{}", random() % 12), other = fmt::format("k{}", random() % 12);
    const auto found = model.find(key);
    const std::string present = found == model.end() ? "$-1\r\n" : bulk(found->second);
    switch (random() % 7) {
      case 0: {
        // Now and then one that only readers may read.
        const std::size_t bytes = random() % 40 == 0 ? 70'000 : random() % 6'000;
        model[key] = std::string(bytes, static_cast<char>('a' + i % 26));
        requests += resp({"SET", key, model[key]});
        expected += "+OK\r\n";
        break;
      }
      case 1:
      case 2:
        requests += resp({"GET", key});
        expected += present;
        break;
      case 3: {
        const auto second = model.find(other);
        requests += resp({"MGET", key, other});
        expected += "*2\r\n" + present + (second == model.end() ? "$-1\r\n" : bulk(second->second));
        break;
      }
      case 4:
        requests += resp({"APPEND", key, "+"});
        model[key] += "+";
        expected += fmt::format(":{}\r\n", model[key].size());
        break;
      case 5:
        requests += resp({"GETDEL", key});
        expected += present;
        model.erase(key);
        break;
      default:
        requests += resp({"SET", key, std::to_string(i), "GET"});
        expected += present;
        model[key] = std::to_string(i);
    }
  }
  return mix;
}

// Everything at once, with memory so short that pages go at any moment.
TEST_F(ColdReadServerTest, MixedRequestsAreAnsweredInOrderAndRightWhateverLeavesMemory) {
  const Mix mix = make_mix();
  std::atomic<bool> done = false;
  std::thread pressure([&] {
    while (!done) {
      files_.note_page_fault_elsewhere();
      files_.forget_pages();
      clock_.advance_ms(100);
      std::this_thread::yield();
    }
  });
  TestClient client(server_->port());
  std::thread sender([&] { client.send(mix.requests); });
  EXPECT_EQ(client.read(mix.expected.size()) == mix.expected, true);
  sender.join();
  done = true;
  pressure.join();
}

}  // namespace
}  // namespace minikv::server
