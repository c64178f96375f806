// Syncs of the real file system reach the kernel, for the right file. What they are good for, no test on a
// machine that keeps its power can show; so the two calls of the C library are replaced in this program by
// ones that take note.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/file_system.h"

namespace {

// Thread safety: all members may be called from any thread.
class Synced {
 public:
  void note(int fd) {
    struct stat info{};
    const std::lock_guard lock(mutex_);
    if (is_noting_ && fstat(fd, &info) == 0) inodes_.push_back(info.st_ino);
  }
  void begin() {
    const std::lock_guard lock(mutex_);
    is_noting_ = true;
    inodes_.clear();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    is_noting_ = false;
  }
  // Since begin().
  bool has(const std::string& path) {
    struct stat info{};
    const std::lock_guard lock(mutex_);
    return stat(path.c_str(), &info) == 0 &&
           std::find(inodes_.begin(), inodes_.end(), info.st_ino) != inodes_.end();
  }

 private:
  std::mutex mutex_;
  bool is_noting_ = false;
  std::vector<ino_t> inodes_;
};

Synced& synced() {
  static Synced instance;
  return instance;
}

}  // namespace

extern "C" int fsync(int fd) {
  synced().note(fd);
  return static_cast<int>(syscall(SYS_fsync, fd));
}

extern "C" int fdatasync(int fildes) {
  synced().note(fildes);
  return static_cast<int>(syscall(SYS_fdatasync, fildes));
}

namespace minikv::engine {
namespace {

class PosixSyncTest : public ::testing::Test {
 protected:
  PosixSyncTest() {
    std::string name = ::testing::TempDir() + "minikv-sync-XXXXXX";
    root_ = ::mkdtemp(name.data());
    synced().begin();
  }
  ~PosixSyncTest() override {
    synced().end();
    std::filesystem::remove_all(root_);
  }

  FileSystem& files_ = FileSystem::posix();
  std::string root_;
};

TEST_F(PosixSyncTest, OfAFile) {
  const auto file = files_.open(root_ + "/file", OpenMode::kCreate);
  ASSERT_TRUE(file);
  EXPECT_FALSE(synced().has(root_ + "/file"));
  EXPECT_TRUE((*file)->sync());
  EXPECT_TRUE(synced().has(root_ + "/file"));
}

TEST_F(PosixSyncTest, OfADirectory) {
  EXPECT_TRUE(files_.sync_dir(root_));
  EXPECT_TRUE(synced().has(root_));
}

TEST_F(PosixSyncTest, OfEveryDirectoryThatGetsANewOne) {
  ASSERT_TRUE(files_.create_dir(root_ + "/a/b/c"));
  for (const char* parent : {"", "/a", "/a/b"}) EXPECT_TRUE(synced().has(root_ + parent)) << parent;
}

TEST_F(PosixSyncTest, OfTheDirectoryAroundOneThatWasThere) {
  ASSERT_TRUE(std::filesystem::create_directory(root_ + "/made"));  // by somebody who may have died since
  ASSERT_TRUE(files_.create_dir(root_ + "/made"));
  EXPECT_TRUE(synced().has(root_));
}

}  // namespace
}  // namespace minikv::engine
