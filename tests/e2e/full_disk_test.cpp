// A disk that is full, for real: a small tmpfs. Writes are refused and reads go on; when there is room again,
// writes resume; and nothing that was acknowledged is lost, whenever the server ends.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "minikv/options.h"
#include "tests/e2e/line.h"
#include "tests/e2e/mount.h"
#include "tests/e2e/writing_client.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using testing::AnyOf;
using testing::StartsWith;

constexpr std::uint64_t kDiskBytes = 32 * kMiB;
constexpr std::uint64_t kBallastBytes = 8 * kMiB;
constexpr std::chrono::seconds kPatience(30);

class FullDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_mounts(); !why.empty()) GTEST_SKIP() << why;
    disk_.emplace(Mount::tmpfs(kDiskBytes));
    std::ofstream(ballast()) << std::string(kBallastBytes, 'b');
    server_.emplace(std::vector<std::string>{"--segment-size", "1MiB"}, disk_->path() + "/data");
    ASSERT_TRUE(server_->start());
    crowd_.start(server_->port(), {.writes = 200});
    crowd_.join();
    fill();
  }

  void TearDown() override {
    if (HasFailure() && server_) fmt::print("the server's log:\n{}", server_->log());
  }

  std::string ballast() const { return disk_->path() + "/ballast"; }
  static std::string value_of(int i) {
    return std::string(static_cast<std::size_t>(40'000 + i % 1000), static_cast<char>('a' + i % 26));
  }
  std::string ask(const std::string& request) const {
    return Line(server_->port()).ask(request).value_or("no answer");
  }
  std::string put(int i) const {
    const std::string value = value_of(i);
    return ask(fmt::format("put fill{} {}\r\n{}", i, value.size(), value));
  }

  // Until the server says that there is no room, several times over, for several sizes of writes.
  void fill() {
    for (int i = 0; refused_ < 20; ++i) {
      ASSERT_LT(i, 2000) << "the disk does not get full";
      const std::string reply = put(i);
      if (reply == "+OK") {
        filled_.insert(i);
      } else {
        ASSERT_THAT(reply, StartsWith("-DISKFULL"));
        ++refused_;
      }
    }
  }

  // Takes those whose number begins so out of `filled_`, and says how many there were.
  std::size_t forget_prefix(const std::string& digits) {
    return std::erase_if(filled_, [&](int i) { return std::to_string(i).starts_with(digits); });
  }

  void expect_all_there() {
    for (const int i : filled_) {
      Line line(server_->port());
      ASSERT_THAT(line.ask(fmt::format("get fill{}", i)).value_or("no answer"), StartsWith("+VALUE"));
      ASSERT_EQ(line.line().value_or(""), value_of(i)) << i;
    }
  }

  // What a client that is refused does: it tries again.
  std::string ask_patiently(const std::string& request) const {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    std::string reply = ask(request);
    while (reply.starts_with("-DISKFULL") && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      reply = ask(request);
    }
    return reply;
  }
  void expect_writes_resume() { ASSERT_EQ(ask_patiently("set resumed x"), "+OK"); }

  std::optional<Mount> disk_;
  std::optional<ServerProcess> server_;
  Crowd crowd_{3};
  std::set<int> filled_;
  int refused_ = 0;
};

TEST_F(FullDiskTest, RefusesWritesAndServesReadsUntilThereIsRoom) {
  expect_all_there();
  EXPECT_TRUE(crowd_.check_alive(server_->port()));
  std::filesystem::remove(ballast());
  expect_writes_resume();
  crowd_.start(server_->port(), {.writes = 200});
  crowd_.join();
  EXPECT_TRUE(crowd_.refusals().empty());
  expect_all_there();
  ASSERT_TRUE(server_->restart());
  expect_all_there();
  EXPECT_TRUE(crowd_.check(server_->port()));
  EXPECT_EQ(server_->stop(), 0);
}

TEST_F(FullDiskTest, ShowsExactlyWhatWasAcknowledgedAfterAKill) {
  crowd_.start(server_->port(), {.writes = 50, .first_error = true});
  crowd_.join();
  server_->kill9();
  ASSERT_TRUE(server_->start()) << "with the disk still full";
  expect_all_there();
  EXPECT_TRUE(crowd_.check(server_->port()));
}

TEST_F(FullDiskTest, IsNotHarmedByACompaction) {
  for (int i = 0; i < 3; ++i) EXPECT_THAT(ask("compact"), AnyOf(StartsWith("+"), StartsWith("-DISKFULL")));
  expect_all_there();
  EXPECT_TRUE(crowd_.check_alive(server_->port()));
  std::filesystem::remove(ballast());
  expect_writes_resume();
  EXPECT_THAT(ask("compact"), AnyOf(StartsWith("+"), StartsWith("-DISKFULL")));
  expect_all_there();
  server_->kill9();
  ASSERT_TRUE(server_->start());
  expect_all_there();
  EXPECT_TRUE(crowd_.check(server_->port()));
}

// Nobody has to make room from outside: what is left is kept for those who make some. Compaction by itself
// begins as soon as there is enough to give back, and while it works in the room that is kept, deletes are
// refused as well.
TEST_F(FullDiskTest, DeletesAndCompactionMakeRoomForWrites) {
  ASSERT_GT(filled_.size(), 200u);
  ASSERT_EQ(ask_patiently("delete fill0"), "+INT 1");
  filled_.erase(0);
  expect_all_there();
  ASSERT_EQ(ask("get fill0"), "-NOTFOUND no such key");
  ASSERT_EQ(ask_patiently("delprefix fill1"), fmt::format("+INT {}", forget_prefix("1")));
  for (int i = 20; i < 90; ++i) {
    if (filled_.erase(i) == 0) continue;
    ASSERT_EQ(ask_patiently(fmt::format("delete fill{}", i)), "+INT 1");
  }
  expect_all_there();
  EXPECT_THAT(ask_patiently("compact"), StartsWith("+OK reclaimed"));
  expect_writes_resume();
  crowd_.start(server_->port(), {.writes = 50});
  crowd_.join();
  EXPECT_TRUE(crowd_.refusals().empty());
  expect_all_there();
  EXPECT_TRUE(crowd_.check_alive(server_->port()));
  server_->kill9();
  ASSERT_TRUE(server_->start());
  expect_all_there();
  for (const int gone : {0, 1, 10, 19, 20, 89, 100}) {
    EXPECT_EQ(ask(fmt::format("get fill{}", gone)), "-NOTFOUND no such key");
  }
}

}  // namespace
}  // namespace minikv::test
