// Two processes never have one store open, by whatever path they come to it and whatever became of its lock
// file.
#include "engine/io/store_lock.h"

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/tools/verify.h"
#include "minikv/store.h"

namespace minikv::engine {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class StoreLockTest : public ::testing::Test {
 protected:
  StoreLockTest() {
    std::string pattern = ::testing::TempDir() + "minikv-lock-XXXXXX";
    root_ = mkdtemp(pattern.data());
    path_ = root_ + "/data";
    options_.segment_size = kMiB;
    options_.fsync = Fsync::kNever;
    options_.compaction_threshold = 0;
  }
  ~StoreLockTest() override {
    store_.reset();
    fs::remove_all(root_);
  }

  void open() {
    auto opened = Store::open(path_, options_);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
    ASSERT_TRUE(store_->set("key", "value"));
  }
  // What another process is told that opens the store there.
  static StatusCode elsewhere(const std::function<StatusCode()>& call) {
    const pid_t child = fork();
    if (child == 0) _exit(static_cast<int>(call()));
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? static_cast<StatusCode>(WEXITSTATUS(status)) : StatusCode::kRefused;
  }
  StatusCode taken_elsewhere(const std::string& path) const {
    return elsewhere([&] { return StoreLock::take(FileSystem::posix(), path).code(); });
  }

  std::string root_, path_;
  Options options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreLockTest, WithoutItsLockFileTheStoreIsStillTaken) {
  open();
  ASSERT_TRUE(fs::remove(path_ + "/LOCK"));
  EXPECT_EQ(taken_elsewhere(path_), StatusCode::kLocked);
  const auto second = Store::open(path_, options_);
  EXPECT_EQ(second.code(), StatusCode::kLocked);
  EXPECT_THAT(second.status().message(), HasSubstr("another process"));
  EXPECT_EQ(verify_store(FileSystem::posix(), path_, {}).code(), StatusCode::kLocked);
  EXPECT_FALSE(fs::exists(path_ + "/LOCK")) << "those who are refused leave no file behind";
  ASSERT_TRUE(store_->close());
  EXPECT_EQ(taken_elsewhere(path_), StatusCode::kOk);
}

TEST_F(StoreLockTest, AnOlderVersionLocksOnlyTheFile) {
  open();
  const auto old_version = [&] { return FileSystem::posix().lock(path_ + "/LOCK").code(); };
  EXPECT_EQ(elsewhere(old_version), StatusCode::kLocked);
  ASSERT_TRUE(store_->close());
  auto held = FileSystem::posix().lock(path_ + "/LOCK");
  ASSERT_TRUE(held);
  EXPECT_EQ(taken_elsewhere(path_), StatusCode::kLocked);
  EXPECT_EQ(Store::open(path_, options_).code(), StatusCode::kLocked);
}

TEST_F(StoreLockTest, ASymbolicLinkLeadsToTheSameStore) {
  open();
  fs::create_directory_symlink(path_, root_ + "/link");
  fs::remove(path_ + "/LOCK");
  EXPECT_EQ(taken_elsewhere(root_ + "/link"), StatusCode::kLocked);
  EXPECT_EQ(taken_elsewhere(root_ + "/./data/."), StatusCode::kLocked);
}

TEST_F(StoreLockTest, ABindMountLeadsToTheSameStore) {
  open();
  fs::remove(path_ + "/LOCK");
  const std::string mounted = root_ + "/mounted";
  fs::create_directory(mounted);
  if (::mount(path_.c_str(), mounted.c_str(), nullptr, MS_BIND, nullptr) != 0)
    GTEST_SKIP() << "this user may not mount";
  EXPECT_EQ(taken_elsewhere(mounted), StatusCode::kLocked);
  EXPECT_EQ(::umount(mounted.c_str()), 0);
}

TEST_F(StoreLockTest, AStoreThatIsMovedStaysItsOwnThoughAnotherTakesItsName) {
  open();
  const std::string value(200'000, 'v');
  const std::string moved = root_ + "/moved";
  fs::rename(path_, moved);
  EXPECT_EQ(taken_elsewhere(moved), StatusCode::kLocked);
  auto other = Store::open(path_, options_);  // a new one
  ASSERT_TRUE(other) << other.status().message();
  ASSERT_TRUE((*other)->set("other", "one"));
  for (int n = 0; n < 30; ++n) ASSERT_TRUE(store_->set("key" + std::to_string(n), value));
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(store_->get("key")->data, "value");
  ASSERT_TRUE(store_->close());
  EXPECT_EQ((*other)->size(), 1U);
  ASSERT_TRUE((*other)->close());

  auto reopened = Store::open(moved, options_);
  ASSERT_TRUE(reopened) << reopened.status().message();
  EXPECT_EQ((*reopened)->size(), 31U);
  for (int n = 0; n < 30; ++n) EXPECT_EQ((*reopened)->get("key" + std::to_string(n))->data, value) << n;
  auto again = Store::open(path_, options_);
  ASSERT_TRUE(again) << again.status().message();
  EXPECT_EQ((*again)->get("other")->data, "one");
}

}  // namespace
}  // namespace minikv::engine
