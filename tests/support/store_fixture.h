// A store in a temporary directory of the real file system, with its threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "minikv/store.h"

namespace minikv::test {

class StoreFixture : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "minikv-store-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    options_.segment_size = kMiB;
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    store_.reset();
    auto opened = Store::open(directory_, options_);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  void set(std::string_view key, std::string_view value) {
    auto version = store_->set(key, value);
    ASSERT_TRUE(version) << version.status().message();
  }
  // The value, or "(code)".
  std::string get(std::string_view key) {
    auto value = store_->get(key);
    return value ? value->data : "(" + std::to_string(static_cast<int>(value.code())) + ")";
  }

  // Bytes of all files, while the store may be adding and removing some.
  std::uint64_t on_disk() const {
    std::uint64_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(directory_)) {
      std::error_code gone;
      const std::uint64_t size = file.file_size(gone);
      if (!gone) bytes += size;
    }
    // What has been removed takes room until it is closed.
    for (const auto& open : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string name = std::filesystem::read_symlink(open.path(), gone).string();
      if (gone || !name.starts_with(directory_) || !name.ends_with(" (deleted)")) continue;
      const std::uint64_t size = open.file_size(gone);
      if (!gone) bytes += size;
    }
    return bytes;
  }

  // For what a store does by itself, and tells nobody.
  template <typename Condition>
  static bool wait_until(Condition condition, std::chrono::seconds at_most = std::chrono::minutes(4)) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  static inline const std::string kMissing =
      "(" + std::to_string(static_cast<int>(StatusCode::kNotFound)) + ")";

  Options options_;
  std::string directory_;
  std::unique_ptr<Store> store_;
};

}  // namespace minikv::test
