// Writes that are refused for another reason than a full disk, on a disk whose faults the test decides: it is
// told when it begins and when it is over, deletes go on, and nothing is used up meanwhile.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "minikv/store.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"

namespace minikv {
namespace {

using testing::HasSubstr;

class FailingWritesTest : public testing::Test {
 protected:
  void SetUp() override {
    Options options;
    options.segment_size = kMiB;
    options.fsync = Fsync::kNever;
    options.compaction_threshold = 0;
    options.file_system = &files_;
    options.clock = &clock_;
    options.log = [this](LogLevel, std::string_view words) {
      std::lock_guard lock(mutex_);
      lines_.emplace_back(words);
    };
    auto opened = Store::open("data", options);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  void TearDown() override {
    files_.clear_faults();
    store_.reset();
  }

  // No other segment can be made, as without descriptors or the right to.
  void refuse_segments() {
    files_.set_judge([](const sim::SimCall& call) {
      const bool makes_segment = call.kind == sim::SimCall::Kind::kCreate && call.path.ends_with(".dat.tmp");
      return makes_segment ? sim::SimFault::kIoError : sim::SimFault::kNone;
    });
  }
  std::ptrdiff_t count_lines(std::string_view words) {
    std::lock_guard lock(mutex_);
    return std::count_if(lines_.begin(), lines_.end(),
                         [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }
  Status write_until_refused() {
    const std::string value(20'000, 'w');
    for (int i = 0; i < 1'000; ++i) {
      if (auto version = store_->set("key" + std::to_string(i), value); !version) return version.status();
    }
    return {};
  }
  engine::SegmentId newest_segment() {
    engine::SegmentId newest;
    for (const std::string& path : files_.disk().files())
      newest = std::max(newest, engine::parse_segment_name(path.substr(path.rfind('/') + 1)));
    return newest;
  }
  template <typename Condition>
  static bool wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::unique_ptr<Store> store_;
};

TEST_F(FailingWritesTest, WithoutAnotherSegmentItIsToldOnceAndDeletesGoOn) {
  EXPECT_FALSE(store_->stats().writes_failing);
  refuse_segments();
  const Status refused = write_until_refused();
  ASSERT_EQ(refused.code(), StatusCode::kIoError) << refused.message();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(store_->set("small", "x").code(), StatusCode::kIoError);
  EXPECT_EQ(count_lines("writes are refused"), 1);
  Stats stats = store_->stats();
  EXPECT_TRUE(stats.writes_failing);
  EXPECT_THAT(stats.writes_failing_reason, HasSubstr("segment-"));
  EXPECT_FALSE(stats.disk_full);
  EXPECT_FALSE(stats.read_only);
  EXPECT_EQ(stats.refused_io_error, 101U);

  const auto removed = store_->remove("key0");
  EXPECT_TRUE(removed && *removed) << removed.status().message();
  const auto many = store_->remove_prefix("key1");
  EXPECT_TRUE(many && *many > 1) << many.status().message();
  EXPECT_EQ(store_->get("key0").code(), StatusCode::kNotFound);
  EXPECT_TRUE(store_->get("key2"));
  EXPECT_TRUE(store_->stats().writes_failing);

  files_.set_judge(nullptr);
  ASSERT_TRUE(store_->set("again", "x")) << "it is tried with each write";
  EXPECT_LE(newest_segment().number(), 4U) << "a write that is refused takes no number";
  EXPECT_EQ(count_lines("writes are taken again"), 0);
  clock_.advance_ms(60'000);
  EXPECT_TRUE(wait_until([this] { return !store_->stats().writes_failing; }));
  EXPECT_TRUE(wait_until([this] { return count_lines("writes are taken again") == 1; }));
  EXPECT_EQ(count_lines("101 were refused meanwhile"), 1);
  EXPECT_TRUE(store_->stats().writes_failing_reason.empty());
}

// Nobody has to write for it.
TEST_F(FailingWritesTest, IsOverByItselfWhenThereIsAnotherSegment) {
  refuse_segments();
  ASSERT_EQ(write_until_refused().code(), StatusCode::kIoError);
  files_.set_judge(nullptr);
  EXPECT_TRUE(wait_until([this] {
    clock_.advance_ms(1'000);
    return !store_->stats().writes_failing;
  }));
  EXPECT_TRUE(store_->set("again", "x"));
}

TEST_F(FailingWritesTest, AWriteThatTheDiskRefusesIsToldAsWell) {
  std::atomic<bool> fails = true;
  files_.set_judge([&](const sim::SimCall& call) {
    const bool is_log = call.kind == sim::SimCall::Kind::kWrite && call.path.ends_with("00000001.dat");
    return is_log && call.length > 1000 && fails ? sim::SimFault::kIoError : sim::SimFault::kNone;
  });
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(store_->set("key", std::string(2'000, 'v')).code(), StatusCode::kIoError);
  EXPECT_EQ(count_lines("writes are refused"), 1);
  EXPECT_TRUE(store_->stats().writes_failing);
  fails = false;
  EXPECT_TRUE(store_->set("key", std::string(2'000, 'v')));
  clock_.advance_ms(60'000);
  EXPECT_TRUE(wait_until([this] { return !store_->stats().writes_failing; }));
}

// What is known of a store that can take no writes any more is told by other words.
TEST_F(FailingWritesTest, AStoreThatIsReadOnlyIsNotToldAsThis) {
  files_.set_judge([](const sim::SimCall& call) {
    return call.path.ends_with("00000001.dat") && call.kind != sim::SimCall::Kind::kCopy
               ? sim::SimFault::kIoError
               : sim::SimFault::kNone;
  });
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(store_->set("key", "v"));
  EXPECT_TRUE(store_->stats().read_only);
  EXPECT_FALSE(store_->stats().writes_failing);
  EXPECT_EQ(count_lines("writes are refused"), 0);
}

}  // namespace
}  // namespace minikv
