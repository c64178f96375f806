// minikvd on a machine whose clock was ahead for a second: the moments that clients name are kept, and told
// as they were named, in both dialects, in transactions and across restarts. The clock is set by
// tests/clock_shim.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/line.h"
#include "tests/support/server_process.h"
#include "tests/support/test_scale.h"

namespace minikv::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kMinuteMs = 60'000;

class ClockTest : public testing::Test {
 protected:
  void SetUp() override {
    if (kIsSanitized) GTEST_SKIP() << "a sanitizer has to be the first library that is loaded";
    std::string pattern = testing::TempDir() + "minikv-clock-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    set_clock_ahead(0);
    server_ = std::make_unique<ServerProcess>(std::vector<std::string>{}, directory_ + "/data");
    server_->set_environment(
        {std::string("LD_PRELOAD=") + MINIKV_CLOCK_SHIM, "CLOCK_SHIM_FILE=" + directory_ + "/offset"});
    ASSERT_TRUE(server_->start());
  }
  void TearDown() override {
    if (HasFailure() && server_) fmt::print("the server's log:\n{}", server_->log());
    server_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  void set_clock_ahead(std::int64_t ms) {
    ahead_ms_ = ms;
    const int file = ::open((directory_ + "/offset").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(file, 0);
    EXPECT_EQ(::pwrite(file, &ms, sizeof(ms), 0), static_cast<ssize_t>(sizeof(ms)));
    ::close(file);
  }
  // Long enough that the server looks at it.
  void be_ahead_for_a_second(std::int64_t ms) {
    ask("SET", "witness", "x", "EX", "100000");
    set_clock_ahead(ms);
    ask("SET", "witness", "x", "EX", "100000");
    std::this_thread::sleep_for(std::chrono::seconds(1));
    set_clock_ahead(0);
    ask("SET", "witness", "x", "EX", "100000");
  }
  // By the server's clock.
  std::int64_t now_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
               .count() +
           ahead_ms_;
  }
  std::int64_t now_s() const { return now_ms() / 1000; }

  static std::string request(const std::vector<std::string>& words) {
    std::string bytes = fmt::format("*{}\r\n", words.size());
    for (const std::string& word : words) bytes += fmt::format("${}\r\n{}\r\n", word.size(), word);
    return bytes;
  }
  template <typename... Words>
  std::string ask(const Words&... words) const {
    return Line(server_->port()).ask(request({std::string(words)...})).value_or("no answer");
  }
  template <typename... Words>
  std::int64_t number(const Words&... words) const {
    const std::string reply = ask(words...);
    EXPECT_EQ(reply.front(), ':') << reply;
    return reply.size() > 1 ? std::strtoll(reply.c_str() + 1, nullptr, 10) : 0;
  }
  std::string text(const std::string& line) const {
    return Line(server_->port()).ask(line).value_or("no answer");
  }
  std::string stat(const std::string& name) const {
    Line line(server_->port());
    std::string found = "no such field";
    for (std::optional<std::string> next = line.ask("stats\r\n"); next && *next != "END";
         next = line.line()) {
      if (const auto at = next->find(name + " "); at != std::string::npos)
        found = next->substr(at + name.size() + 1);
      if (next->find("read_only") != std::string::npos) break;
    }
    return found;
  }

  std::string directory_;
  std::unique_ptr<ServerProcess> server_;
  std::int64_t ahead_ms_ = 0;
};

TEST_F(ClockTest, MomentsThatClientsNameAreKeptAndToldAsTheyWereNamed) {
  be_ahead_for_a_second(30 * kMinuteMs);
  const std::string at = std::to_string(now_s() + 600), at_ms = at + "000";
  EXPECT_EQ(ask("SET", "exat", "v", "EXAT", at), "+OK");
  EXPECT_EQ(ask("SET", "pxat", "v", "PXAT", at_ms), "+OK");
  ask("SET", "expireat", "v");
  EXPECT_EQ(ask("EXPIREAT", "expireat", at), ":1");
  ask("SET", "pexpireat", "v");
  EXPECT_EQ(ask("PEXPIREAT", "pexpireat", at_ms), ":1");
  ask("SET", "getex", "v");
  EXPECT_EQ(ask("GETEX", "getex", "EXAT", at), "$1");
  EXPECT_EQ(ask("EXPIREAT", "expireat", at, "GT"), ":0");
  {
    Line line(server_->port());
    EXPECT_EQ(line.ask(request({"MULTI"})), "+OK");
    EXPECT_EQ(line.ask(request({"SET", "multi", "v", "EXAT", at})), "+QUEUED");
    EXPECT_EQ(line.ask(request({"EXPIRETIME", "multi"})), "+QUEUED");
    EXPECT_EQ(line.ask(request({"EXEC"})), "*2");
    EXPECT_EQ(line.line(), "+OK");
    EXPECT_EQ(line.line(), ":" + at);
  }
  EXPECT_EQ(ask("SET", "px", "v", "PX", "600000"), "+OK");
  EXPECT_EQ(ask("COPY", "exat", "copy"), ":1");
  for (int life = 0; life < 3; ++life) {
    for (const std::string key : {"exat", "pxat", "expireat", "pexpireat", "getex", "multi", "copy"}) {
      EXPECT_EQ(ask("EXPIRETIME", key), ":" + at) << key;
      EXPECT_EQ(ask("PEXPIRETIME", key), ":" + at_ms) << key;
      const std::int64_t left = std::stoll(at_ms) - now_ms();
      EXPECT_LE(std::abs(number("PTTL", key) - left), 500) << key;
      const std::string words = text("pttl " + key);
      EXPECT_EQ(words.substr(0, 5), "+INT ") << key;
      EXPECT_LE(std::abs(std::strtoll(words.c_str() + 5, nullptr, 10) - left), 500) << words;
    }
    EXPECT_LE(number("TTL", "px"), 600);
    EXPECT_GE(number("TTL", "px"), 500);
    if (life == 0) {
      ASSERT_TRUE(server_->restart());
    }
    if (life == 1) {
      server_->kill9();
      ASSERT_TRUE(server_->start());
    }
  }
  EXPECT_EQ(ask("EXPIREAT", "exat", std::to_string(now_s() - 1)), ":1");
  EXPECT_EQ(ask("EXISTS", "exat"), ":0");
  EXPECT_EQ(ask("EXPIRE", "px", "0"), ":1");
  EXPECT_EQ(ask("EXISTS", "px"), ":0");
}

TEST_F(ClockTest, KeysGoWhenTheyShould) {
  be_ahead_for_a_second(30 * kMinuteMs);
  const std::int64_t at_ms = now_ms() + 2000;
  EXPECT_EQ(ask("SET", "at", "v", "PXAT", std::to_string(at_ms)), "+OK");
  EXPECT_EQ(ask("SET", "in", "v", "PX", "2000"), "+OK");
  for (;;) {
    const std::string there = ask("EXISTS", "at", "in");
    if (now_ms() >= at_ms) break;  // however long the answer took
    ASSERT_EQ(there, ":2");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // a relative expiry is at most 1 % late
  EXPECT_EQ(ask("EXISTS", "at", "in"), ":0");
}

TEST_F(ClockTest, HowFarTheyAreApartIsInTheLogAndInStats) {
  EXPECT_EQ(stat("engine_time_ahead_ms"), "0");
  be_ahead_for_a_second(30 * kMinuteMs);
  EXPECT_LE(std::abs(std::stoll(stat("engine_time_ahead_ms")) - (30 * kMinuteMs)), 1000);
  const auto wait_for_log = [&](const std::string& words) {
    for (int i = 0; i < 500 && server_->log().find(words) == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return server_->log();
  };
  EXPECT_THAT(wait_for_log("the clock was set back"), HasSubstr("the clock was set back: engine time is 1"));
  ASSERT_TRUE(server_->restart());
  EXPECT_THAT(wait_for_log("s ahead of this machine's clock"), HasSubstr("s ahead of this machine's clock"));
  set_clock_ahead(31 * kMinuteMs);
  ask("SET", "witness", "x", "EX", "100000");
  EXPECT_THAT(wait_for_log("caught up with engine time"),
              HasSubstr("the clock has caught up with engine time"));
  EXPECT_EQ(stat("engine_time_ahead_ms"), "0");
}

TEST_F(ClockTest, AnAcceptedJumpIsAcceptedOnce) {
  ask("SET", "witness", "x", "EX", "100000");
  ASSERT_EQ(server_->stop(), 0);
  set_clock_ahead(-120 * kMinuteMs);
  EXPECT_FALSE(server_->start());
  EXPECT_THAT(server_->log(), HasSubstr("--accept-clock-jump"));
  server_->set_flags({"--accept-clock-jump"});
  ASSERT_TRUE(server_->start());
  server_->kill9();
  server_->set_flags({});
  ASSERT_TRUE(server_->start());
  EXPECT_EQ(ask("EXISTS", "witness"), ":1");
  EXPECT_LE(std::abs(std::stoll(stat("engine_time_ahead_ms")) - (120 * kMinuteMs)), 2000);
}

}  // namespace
}  // namespace minikv::test
