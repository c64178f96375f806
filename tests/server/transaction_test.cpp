// MULTI, EXEC and WATCH where several clients meet; what one client sees is in the scripts.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/server/harness.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"

namespace minikv::server {

namespace {

TestServer::Setup two_loops() {
  TestServer::Setup setup;
  setup.options.io_threads = 2;
  setup.store.fsync = Fsync::kNever;
  return setup;
}

// The integer of a reply ":n".
long number(const std::string& line) { return line.starts_with(':') ? std::stol(line.substr(1)) : -1; }

// A server whose disk can be made to take no writes.
struct SimulatedServer {
  void refuse_writes() {
    files.set_judge([](const sim::SimCall& call) {
      return call.kind == sim::SimCall::Kind::kWrite ? sim::SimFault::kDiskFull : sim::SimFault::kNone;
    });
  }
  TestServer::Setup setup() {
    TestServer::Setup setup;
    setup.store.file_system = &files;
    setup.store.clock = &clock;
    return setup;
  }

  sim::SimFileSystem files;
  sim::SimClock clock;
  TestServer server{setup()};
};

}  // namespace

TEST(TransactionTest, NobodySeesHalfOfOne) {
  TestServer server(two_loops());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    TestClient client(server.port());
    for (int i = 0; i < 2'000; ++i) {
      const std::string value = std::to_string(i);
      client.send(resp({"MULTI"}) + resp({"SET", "a", value}) + resp({"DEL", "x"}) +
                  resp({"SET", "b", value}) + resp({"EXEC"}));
      for (int line = 0; line < 4; ++line) client.read_line();
      ASSERT_EQ(client.read_line(), "*3");
      for (int line = 0; line < 3; ++line) client.read_line();
    }
    stop = true;
  });
  TestClient reader(server.port());
  int seen = 0;
  while (!stop) {
    reader.send(resp({"MGET", "a", "b"}));
    ASSERT_EQ(reader.read_line(), "*2");
    std::vector<std::string> values;
    for (int i = 0; i < 2; ++i) {
      const std::string head = reader.read_line();
      values.push_back(head == "$-1" ? head : reader.read_line());
    }
    ASSERT_EQ(values[0], values[1]);
    if (values[0] != "$-1") ++seen;
  }
  writer.join();
  EXPECT_GT(seen, 0);
}

// Each adds one by reading, watching and setting: nothing is lost if and only if WATCH holds.
TEST(TransactionTest, WatchedKeysLetClientsCount) {
  TestServer server(two_loops());
  constexpr int kClients = 4, kEach = 100;
  std::atomic<int> aborted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&] {
      TestClient client(server.port());
      for (int done = 0; done < kEach;) {
        client.send(resp({"WATCH", "counter"}) + resp({"GET", "counter"}));
        ASSERT_EQ(client.read_line(), "+OK");
        const std::string head = client.read_line();
        const int before = head == "$-1" ? 0 : std::stoi(client.read_line());
        client.send(resp({"MULTI"}) + resp({"SET", "counter", std::to_string(before + 1)}) + resp({"EXEC"}));
        client.read_line();
        client.read_line();
        if (client.read_line() == "*-1") {
          ++aborted;
        } else {
          client.read_line();
          ++done;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(server.store().get("counter")->data, std::to_string(kClients * kEach));
  EXPECT_GT(aborted, 0);
}

// A key that is not there has no version, and its coming and going leaves no trace in the store.
TEST(TransactionTest, AKeyThatCameAndWentForOthersHasChanged) {
  TestServer server(two_loops());
  TestClient watcher(server.port()), other(server.port());
  watcher.send(resp({"WATCH", "key"}));
  ASSERT_EQ(watcher.read_line(), "+OK");
  EXPECT_EQ(other.ask("set key 1\n"), "+OK");
  EXPECT_EQ(other.ask("delete key\n"), "+INT 1");
  watcher.send(resp({"MULTI"}) + resp({"EXEC"}));
  EXPECT_EQ(watcher.read_line(), "+OK");
  EXPECT_EQ(watcher.read_line(), "*-1");
  // What was watched in vain costs nobody anything any more.
  watcher.send(resp({"WATCH", "key"}));
  ASSERT_EQ(watcher.read_line(), "+OK");
  watcher.close();
  EXPECT_EQ(other.ask("set key 2\n"), "+OK");
}

TEST(TransactionTest, AWatchedKeyThatExpiresHasChanged) {
  TestServer server(two_loops());
  TestClient client(server.port());
  client.send(resp({"SET", "key", "1", "PX", "30"}) + resp({"WATCH", "key"}));
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_EQ(client.read_line(), "+OK");
  while (client.ask("exists key\n") == "+INT 1") {
  }
  client.send(resp({"MULTI"}) + resp({"EXEC"}));
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_EQ(client.read_line(), "*-1");
}

TEST(TransactionTest, ValuesThatAreNotInMemoryAndLargeOnesAreReadForItsReply) {
  TestServer server(two_loops());
  TestClient client(server.port());
  const std::string large(3'000'000, 'v');
  client.send(resp({"SET", "a", large}) + resp({"SET", "b", large}));
  EXPECT_EQ(client.read_line(), "+OK");
  EXPECT_EQ(client.read_line(), "+OK");
  client.send(resp({"MULTI"}) + resp({"GET", "a"}) + resp({"APPEND", "b", "x"}) + resp({"GET", "b"}) +
              resp({"EXEC"}));
  for (int i = 0; i < 4; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*3");
  EXPECT_EQ(client.read_line(), "$3000000");
  EXPECT_EQ(client.read_line(), large);
  EXPECT_EQ(client.read_line(), ":3000001");
  EXPECT_EQ(client.read_line(), "$3000001");
  EXPECT_EQ(client.read_line(), large + "x");
}

TEST(TransactionTest, WhatDoesNotFitIsRefusedAloneAndWhatIsTooLongSpoilsIt) {
  TestServer::Setup setup = two_loops();
  setup.store.max_value_bytes = setup.options.parser.max_value_bytes = kMiB;
  setup.store.max_batch_bytes = 2 * kMiB;
  TestServer server(setup);
  TestClient client(server.port());
  const std::string value(700'000, 'v');
  client.send(resp({"SET", "a", value}));
  EXPECT_EQ(client.read_line(), "+OK");
  // Each copy writes 700,000 bytes.
  client.send(resp({"MULTI"}) + resp({"COPY", "a", "b"}) + resp({"COPY", "a", "c"}) +
              resp({"COPY", "a", "d"}) + resp({"SET", "e", "1"}) + resp({"EXEC"}));
  for (int i = 0; i < 5; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*4");
  EXPECT_EQ(client.read_line(), ":1");
  EXPECT_EQ(client.read_line(), ":1");
  EXPECT_EQ(client.read_line(), "-ERR what this would write does not fit into the transaction");
  EXPECT_EQ(client.read_line(), "+OK");
  // The third is too much before anything is executed.
  client.send(resp({"MULTI"}) + resp({"SET", "x", value}) + resp({"SET", "y", value}) +
              resp({"SET", "z", value}) + resp({"EXEC"}) + resp({"EXISTS", "x", "y", "z"}));
  for (int i = 0; i < 3; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "-ERR a transaction holds at most 2097152 bytes");
  EXPECT_EQ(client.read_line(), "-EXECABORT Transaction discarded because of previous errors.");
  EXPECT_EQ(number(client.read_line()), 0);
}

// Not the sum of what its commands came to: nothing of it is there.
TEST(TransactionTest, WhatCantBeWrittenIsNotDoneAtAll) {
  SimulatedServer simulated;
  TestClient client(simulated.server.port());
  client.send(resp({"SET", "k", "1"}));
  EXPECT_EQ(client.read_line(), "+OK");
  simulated.refuse_writes();
  const std::string transaction =
      resp({"MULTI"}) + resp({"SET", "k", "2"}) + resp({"DEL", "k"}) + resp({"GET", "k"}) + resp({"EXEC"});
  client.send(transaction);
  for (int i = 0; i < 4; ++i) client.read_line();
  EXPECT_TRUE(client.read_line().starts_with("-MISCONF"));
  EXPECT_EQ(client.ask(resp({"GET", "k"})), "$1");
  EXPECT_EQ(client.read_line(), "1");
  simulated.files.clear_faults();
  client.send(transaction);
  for (int i = 0; i < 4; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*3");
}

// Walks are the writer's, and what they find is there until the reply is taken.
TEST(TransactionTest, ItsWalksFindSoMuchAndNoMore) {
  TestServer server(two_loops());
  for (int i = 0; i < 400; ++i)
    ASSERT_TRUE(server.store().set(fmt::format("long-{:03}-{}", i, std::string(60'000, 'k')), "v"));
  ASSERT_TRUE(server.store().set("short", "v"));
  TestClient client(server.port());
  const std::string too_far =
      "-ERR the keys that a transaction walks over may take 20971520 bytes; ask for fewer, or outside of a "
      "transaction";
  for (const auto& walk : {resp({"KEYS", "*"}), resp({"KEYS", "l*nothing"})}) {
    client.send(resp({"MULTI"}) + resp({"KEYS", "short"}) + resp({"SET", "before", "1"}) + walk + walk +
                resp({"SET", "behind", "1"}) + resp({"KEYS", "short"}) + resp({"EXEC"}));
    for (int i = 0; i < 7; ++i) client.read_line();
    EXPECT_EQ(client.read_line(), "*6");
    for (const char* expected : {"*1", "$5", "short", "+OK"}) EXPECT_EQ(client.read_line(), expected);
    EXPECT_EQ(client.read_line(), too_far);
    EXPECT_EQ(client.read_line(), too_far);
    EXPECT_EQ(client.read_line(), "+OK") << "what is not a walk is carried out";
    EXPECT_EQ(client.read_line(), too_far) << "nothing is left";
  }
  // Each transaction anew, and many that find little.
  std::string many = resp({"MULTI"});
  for (int i = 0; i < 2'000; ++i) many += resp({"RANDOMKEY"});
  client.send(many + resp({"EXEC"}));
  for (int i = 0; i < 2'001; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*2000");
  int found = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::string head = client.read_line();
    if (!head.starts_with('$')) continue;
    ++found;
    client.read_line();
  }
  EXPECT_GT(found, 300);
}

// A client that pipelines does not see the refusal before EXEC is on its way.
TEST(TransactionTest, AWatchWhoseGroupCantBeWrittenLetsNoTransactionThrough) {
  SimulatedServer simulated;
  TestClient client(simulated.server.port());
  simulated.refuse_writes();
  client.send(resp({"SET", "k", "2"}) + resp({"WATCH", "w"}));
  EXPECT_TRUE(client.read_line().starts_with("-MISCONF"));
  EXPECT_TRUE(client.read_line().starts_with("-MISCONF"));
  simulated.files.clear_faults();
  const std::string transaction = resp({"MULTI"}) + resp({"SET", "done", "1"}) + resp({"EXEC"});
  client.send(transaction);
  for (int i = 0; i < 2; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*-1");
  client.send(transaction);
  for (int i = 0; i < 2; ++i) client.read_line();
  EXPECT_EQ(client.read_line(), "*1");
}

// The same for one that the parser refuses, in each dialect; not for one that names no key, and not for other
// commands.
TEST(TransactionTest, AWatchThatCantBeReadLetsNoTransactionThrough) {
  TestServer::Setup setup;
  setup.store.max_value_bytes = setup.options.parser.max_value_bytes = 64 * 1024;
  setup.options.parser.max_request_bytes = 128 * 1024;
  TestServer server(setup);
  const std::string key(20'000, 'k');
  const std::vector<std::string> many(14, key);
  const auto with_many = [&](std::string_view verb) {
    std::vector<std::string> words = many;
    words.insert(words.begin(), std::string(verb));
    return resp_of(words);
  };
  const auto array_after = [&](const std::string& refused) {
    TestClient client(server.port());
    client.send(refused + resp({"MULTI"}) + resp({"SET", "done", "1"}) + resp({"EXEC"}));
    EXPECT_EQ(client.read_line().front(), '-');
    for (int i = 0; i < 2; ++i) client.read_line();
    return client.read_line();
  };
  EXPECT_EQ(array_after(with_many("watch")), "*-1");
  EXPECT_EQ(array_after(with_many("EXISTS")), "*1");
  EXPECT_EQ(array_after(resp({"WATCH"})), "*1");
  std::string line = "watch";
  for (const std::string& word : many) line += " " + word;
  EXPECT_EQ(array_after(line + "\n"), "*-1");
  EXPECT_EQ(array_after("watch \"open\n"), "*-1");
  EXPECT_EQ(array_after("watch \n"), "*1");
  EXPECT_EQ(array_after("exists \"open\n"), "*1");
}

}  // namespace minikv::server
