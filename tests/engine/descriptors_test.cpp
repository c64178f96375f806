// A process without free descriptors: an error that says so, and a store that goes on when there is room
// again.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "minikv/store.h"

namespace minikv::engine {
namespace {

using ::testing::HasSubstr;

// Leaves this process so many free descriptors, for as long as it lives.
class FewDescriptorsLeft {
 public:
  explicit FewDescriptorsLeft(rlim_t left) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    rlimit narrow = before_;
    narrow.rlim_cur = static_cast<rlim_t>(lowest_free) + left;
    ::setrlimit(RLIMIT_NOFILE, &narrow);
  }
  ~FewDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptorsLeft(const FewDescriptorsLeft&) = delete;
  FewDescriptorsLeft& operator=(const FewDescriptorsLeft&) = delete;

 private:
  rlimit before_{};
};

class DescriptorsTest : public testing::TestWithParam<int> {
 protected:
  DescriptorsTest() {
    std::string pattern = testing::TempDir() + "minikv-descriptors-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    options_.segment_size = kMiB;
    options_.fsync = Fsync::kNever;
    options_.compaction_threshold = 0;
  }
  ~DescriptorsTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  Status open() {
    auto opened = Store::open(directory_, options_);
    if (opened) store_ = std::move(*opened);
    return opened.status();
  }
  Status set(int n) { return store_->set("key" + std::to_string(n), value_).status(); }

  const std::string value_ = std::string(100'000, 'v');
  std::string directory_;
  Options options_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Left, DescriptorsTest, testing::Values(0, 1, 2));

TEST_P(DescriptorsTest, WithoutOneForTheNextSegmentWritesAreRefusedUntilThereIsRoomAgain) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(set(0));
  int written = 1;
  {
    const FewDescriptorsLeft limit(static_cast<rlim_t>(GetParam()));
    Status refused;
    while (refused && written < 300) {
      refused = set(written);
      if (refused) ++written;
    }
    EXPECT_EQ(refused.code(), StatusCode::kIoError);
    EXPECT_THAT(refused.message(), HasSubstr("ulimit"));
    EXPECT_FALSE(store_->stats().read_only) << store_->stats().read_only_reason;
    EXPECT_EQ(store_->get("key0")->data, value_) << "reads go on";
  }
  EXPECT_TRUE(set(written)) << "there is room again";
  ASSERT_TRUE(store_->close());
  ASSERT_TRUE(open());
  for (int n = 0; n <= written; ++n) ASSERT_TRUE(store_->get("key" + std::to_string(n))) << n;
}

TEST_P(DescriptorsTest, AStoreThatNeedsMoreToOpenIsLeftAsItIs) {
  ASSERT_TRUE(open());
  for (int n = 0; n < 60; ++n) ASSERT_TRUE(set(n));
  ASSERT_TRUE(store_->close());
  store_.reset();
  {
    // The lock, the manifest and two segments are the least.
    const FewDescriptorsLeft limit(static_cast<rlim_t>(GetParam() + 1));
    const Status refused = open();
    EXPECT_FALSE(refused);
    EXPECT_THAT(refused.message(), HasSubstr("ulimit"));
  }
  ASSERT_TRUE(open());
  for (int n = 0; n < 60; ++n) ASSERT_TRUE(store_->get("key" + std::to_string(n))) << n;
}

}  // namespace
}  // namespace minikv::engine
