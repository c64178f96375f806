// A process that may have few addresses (ulimit -v) maps less of its segments, or nothing: what is not mapped
// is read by system calls.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/file_system.h"
#include "minikv/store.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/store_fixture.h"
#include "tests/support/test_scale.h"

namespace minikv::test {
namespace {

// Limits this process's addresses to so many, for as long as it lives.
class AddressLimit {
 public:
  explicit AddressLimit(std::uint64_t bytes) {
    ::getrlimit(RLIMIT_AS, &before_);
    rlimit narrow = before_;
    narrow.rlim_cur = bytes;
    ::setrlimit(RLIMIT_AS, &narrow);
  }
  ~AddressLimit() { ::setrlimit(RLIMIT_AS, &before_); }
  AddressLimit(const AddressLimit&) = delete;
  AddressLimit& operator=(const AddressLimit&) = delete;

  static std::uint64_t taken() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t pages = 0;
    statm >> pages;
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }

 private:
  rlimit before_{};
};

class FewAddressesTest : public StoreFixture {
 protected:
  void SetUp() override {
    if (kIsSanitized) GTEST_SKIP() << "a sanitizer takes addresses without end";
    StoreFixture::SetUp();
  }
};

TEST_F(FewAddressesTest, AMappingLeavesHalfOfThemToMemory) {
  const std::string path = directory_ + "/file";
  auto file = engine::FileSystem::posix().open(path, engine::OpenMode::kCreate);
  ASSERT_TRUE(file);
  const std::string content(1 << 20, 'x');
  const std::string_view piece = content;
  ASSERT_TRUE((*file)->write(0, {&piece, 1}));
  const auto length_with = [&](std::uint64_t limit) {
    const AddressLimit narrow(limit);
    auto mapping = (*file)->map(64 * kMiB);
    EXPECT_TRUE(mapping) << mapping.status().message();
    return mapping ? (*mapping)->length() : 0;
  };
  const std::uint64_t taken = AddressLimit::taken();
  EXPECT_EQ(length_with(4 * taken + 1024 * kMiB), 64 * kMiB);
  EXPECT_EQ(length_with(taken + taken / 2), 0U);
  const std::uint64_t some = length_with(std::max(taken + 544 * kMiB, 2 * taken + 64 * kMiB));
  EXPECT_GT(some, kMiB);
  EXPECT_LT(some, 64 * kMiB);

  const AddressLimit narrow(taken + taken / 2);
  auto mapping = (*file)->map(64 * kMiB);
  ASSERT_TRUE(mapping);
  std::string out(10, '?');
  EXPECT_FALSE((*mapping)->copy(0, out));
}

TEST_F(FewAddressesTest, AStoreServesWithoutAnyToMap) {
  const std::uint64_t taken = AddressLimit::taken();
  options_.fsync = Fsync::kNever;
  open();
  const AddressLimit narrow(taken + 256 * kMiB);
  const std::string value(50'000, 'v');
  for (int i = 0; i < 200; ++i)
    ASSERT_NO_FATAL_FAILURE(set("key" + std::to_string(i), value + std::to_string(i)));
  ASSERT_TRUE(store_->remove("key0"));
  ASSERT_NO_FATAL_FAILURE(set("key1", "new"));
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(get("key0"), kMissing);
    EXPECT_EQ(get("key1"), "new");
    for (int i = 2; i < 200; ++i) ASSERT_EQ(get("key" + std::to_string(i)), value + std::to_string(i)) << i;
    const auto compacted = store_->compact();
    EXPECT_TRUE(compacted) << compacted.status().message();
    ASSERT_NO_FATAL_FAILURE(open());
  }
}

// The mapping ends in the midst of the segment.
TEST(ShortMappingTest, WhatIsBehindItIsReadFromTheFile) {
  for (const std::uint64_t most : {std::uint64_t{0}, std::uint64_t{5'000}, std::uint64_t{100'000}}) {
    sim::SimFileSystem files;
    files.set_most_mapped(most);
    Options options;
    options.segment_size = kMiB;
    options.file_system = &files;
    options.single_threaded = true;
    std::vector<std::string> keys;
    for (int i = 0; i < 400; ++i) keys.push_back("key" + std::to_string(i));
    const auto value_of = [](const std::string& key) { return key + std::string(10'000, 'v'); };
    for (int start = 0; start < 3; ++start) {
      auto store = Store::open("data", options);
      ASSERT_TRUE(store) << store.status().message();
      for (const std::string& key : keys) {
        if (start > 0) continue;
        ASSERT_TRUE((*store)->set(key, value_of(key)));
      }
      const std::vector<std::string_view> views(keys.begin(), keys.end());
      (*store)->prefetch(std::span(views).first(32));
      for (const std::string& key : keys) {
        const auto value = (*store)->get(key);
        ASSERT_TRUE(value) << most << " " << value.status().message();
        EXPECT_EQ(value->data, value_of(key));
        const auto handle = (*store)->locate(key);
        ASSERT_TRUE(handle);
        const auto at_once = (*store)->try_read(key, *handle);
        ASSERT_TRUE(at_once && *at_once) << most;
        EXPECT_EQ((*at_once)->data, value_of(key));
      }
      if (start < 1) continue;
      const auto compacted = (*store)->compact();
      EXPECT_TRUE(compacted) << compacted.status().message();
    }
  }
}

}  // namespace
}  // namespace minikv::test
