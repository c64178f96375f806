// A store on a disk whose room the test decides.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "engine/format/frame.h"
#include "engine/format/manifest.h"
#include "engine/format/object_bytes.h"
#include "minikv/store.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"

namespace minikv {

inline constexpr std::uint64_t kSegmentBytes = kMiB;

// What a store has logged.
class Lines {
 public:
  std::function<void(LogLevel, std::string_view)> sink() {
    return [this](LogLevel, std::string_view words) {
      std::lock_guard lock(mutex_);
      lines_.emplace_back(words);
    };
  }
  std::ptrdiff_t count(std::string_view words) {
    std::lock_guard lock(mutex_);
    return std::count_if(lines_.begin(), lines_.end(),
                         [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }
  void clear() {
    std::lock_guard lock(mutex_);
    lines_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class FullDiskFixture : public testing::Test {
 protected:
  void open(Options options) {
    options.segment_size = kSegmentBytes;
    options.fsync = Fsync::kNever;
    options.compaction_threshold = 0;
    options.file_system = &files_;
    auto opened = Store::open("data", options);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }

  static std::string key(int i) { return "key" + std::to_string(i); }
  // A few segments of which one key in ten is alive.
  void write_segments_to_compact() {
    const std::string value(100'000, 'v');
    for (int i = 0; i < 35; ++i) ASSERT_TRUE(store_->set(key(i), value));
    WriteBatch batch;
    for (int i = 0; i < 35; ++i) {
      if (i % 10 != 0) batch.remove(key(i));
    }
    ASSERT_TRUE(store_->write(batch));
    wait_until_settled();
  }
  std::ptrdiff_t count_files(std::string_view ending) {
    const auto files = files_.disk().files();
    return std::count_if(files.begin(), files.end(),
                         [&](const std::string& path) { return path.ends_with(ending); });
  }
  // How often the first segment was cut shorter.
  std::ptrdiff_t count_cuts() {
    const auto calls = files_.log();
    return std::count_if(calls.begin(), calls.end(), [](const sim::SimCall& call) {
      return call.kind == sim::SimCall::Kind::kTruncate && call.path == "data/segment-00000001.dat";
    });
  }
  bool is_spare_there() {
    return count_files(".dat") == static_cast<std::ptrdiff_t>(store_->stats().segments) + 1 &&
           count_files(".tmp") == 0;
  }
  void wait_until_settled() {
    // Sealed are all but the one that is written to, and the next one is ready: nothing else takes room or
    // gives it back.
    ASSERT_TRUE(wait_until([this] {
      return is_spare_there() &&
             count_files(".hint") == static_cast<std::ptrdiff_t>(store_->stats().segments) - 1;
    }));
  }
  template <typename Condition>
  static bool wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(4);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  void leave_room_for(std::uint64_t bytes) {
    files_.set_capacity(std::nullopt);
    const std::uint64_t plenty = *files_.free_space("data");
    files_.set_capacity(plenty);
    files_.set_capacity(plenty - *files_.free_space("data") + bytes);
  }
  // Until one is refused.
  Status write_until_refused(std::size_t value_bytes = 20'000) {
    const std::string value(value_bytes, 'w');
    for (int i = 0; i < 1'000; ++i) {
      if (auto version = store_->set("more" + std::to_string(i), value); !version) return version.status();
    }
    return {};
  }

  static std::function<sim::SimFault(const sim::SimCall&)> refuse_a_longer_manifest() {
    return [](const sim::SimCall& call) {
      const bool grows = call.kind == sim::SimCall::Kind::kWrite && call.path.starts_with("data/MANIFEST") &&
                         call.length > 128 * 1024;
      return grows ? sim::SimFault::kDiskFull : sim::SimFault::kNone;
    };
  }

  // No spare can be made until the judge is cleared. Single-threaded: what fails does so at once, always at
  // the same place.
  void open_without_spares() {
    files_.set_judge([segments = 0](const sim::SimCall& call) mutable {
      const bool makes_segment = call.kind == sim::SimCall::Kind::kCreate && call.path.ends_with(".dat.tmp");
      // The first one is for the log.
      return makes_segment && ++segments > 1 ? sim::SimFault::kDiskFull : sim::SimFault::kNone;
    });
    Options options;
    options.single_threaded = true;
    open(options);
  }
  void fill_segment(std::uint64_t up_to) {
    const std::string value(20'000, 'f');
    ASSERT_TRUE(store_->set("first", "to delete"));
    std::uint64_t written = 0;
    for (int i = 0; written + value.size() < up_to; ++i, written += value.size()) {
      ASSERT_TRUE(store_->set("fill" + std::to_string(i), value)) << i;
    }
  }
  void expect_deletes_alone_are_taken() {
    const auto keys = store_->size();
    ASSERT_GT(keys, 0u);
    EXPECT_EQ(write_until_refused().code(), StatusCode::kDiskFull);
    EXPECT_EQ(write_until_refused(10).code(), StatusCode::kDiskFull);
    const auto removed = store_->remove("first");
    EXPECT_TRUE(removed && *removed) << removed.status().message();
    const auto all = store_->remove_prefix("");
    EXPECT_TRUE(all && *all >= keys - 1) << all.status().message();
    EXPECT_EQ(store_->size(), 0u);
  }

  // As a copy that was made without them: the manifest does not name them.
  static void drop_spares(sim::SimDisk& disk) {
    const std::string path = "data/MANIFEST";
    auto manifest = engine::decode_manifest(disk.contents(path));
    ASSERT_TRUE(manifest) << manifest.status().message();
    std::erase_if(manifest->segments, [&](const engine::ManifestSegment& entry) {
      if (entry.state == engine::SegmentState::kSealed) return false;
      const std::string file = "data/" + engine::segment_name(id_of(entry));
      if (disk.exists(file)) disk.erase(file);
      return true;
    });
    for (const std::uint64_t offset : {std::uint64_t{0}, disk.size(path) / 2})
      disk.overwrite(path, offset, engine::encode_manifest(*manifest));
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  Lines lines_;
  std::unique_ptr<Store> store_;
};

}  // namespace minikv
