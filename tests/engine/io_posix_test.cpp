// What only the operating system's file system has: signals, other processes, limits.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/clock.h"
#include "engine/io/file_system.h"

namespace minikv::engine {
namespace {

using ::testing::HasSubstr;

class PosixTest : public ::testing::Test {
 protected:
  PosixTest() {
    std::string name = ::testing::TempDir() + "minikv-posix-XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~PosixTest() override { std::filesystem::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ + "/" + name; }
  std::unique_ptr<File> create(const std::string& name, std::string_view contents = "") {
    auto file = FileSystem::posix().open(path(name), OpenMode::kCreate);
    EXPECT_TRUE(file.is_ok()) << file.status().message();
    EXPECT_TRUE((*file)->write(0, {&contents, 1}).is_ok());
    return *std::move(file);
  }

  std::string root_;
};

TEST_F(PosixTest, AFileCutShorterThanItsMappingIsAnErrorAndNotADeath) {
  auto file = create("cut", std::string(20'000, 'x'));
  auto mapping = *file->map(20'000);
  std::string out(100, '?');
  ASSERT_TRUE(mapping->copy(15'000, out).is_ok());
  ASSERT_TRUE(file->truncate(10).is_ok());
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(mapping->copy(15'000, out).code(), StatusCode::kIoError);
    EXPECT_TRUE(mapping->copy(0, out).is_ok());
  }
}

TEST_F(PosixTest, AFileIsSharedIfItHasAnotherNameOrIsOpenElsewhere) {
  auto file = create("a", "text");
  ASSERT_EQ(::link(path("a").c_str(), path("b").c_str()), 0);
  EXPECT_TRUE(file->is_shared()) << "another name";
  ASSERT_EQ(::unlink(path("b").c_str()), 0);
  ASSERT_FALSE(file->is_shared());
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite}) {
    auto other = FileSystem::posix().open(path("a"), mode);
    ASSERT_TRUE(other.is_ok());
    EXPECT_TRUE(file->is_shared()) << "another descriptor";
    auto mapping = (*other)->map(4);
    ASSERT_TRUE(mapping.is_ok());
    other->reset();
    EXPECT_TRUE(file->is_shared()) << "a mapping";
    mapping->reset();
    EXPECT_FALSE(file->is_shared());
  }
}

TEST_F(PosixTest, ThreadsFaultEachForItself) {
  auto file = create("short", std::string(4096, 'x'));
  auto mapping = *file->map(1 << 20);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&mapping, &failed, i] {
      std::string out(64, '?');
      for (std::uint64_t round = 0; round < 500; ++round) {
        const bool beyond = (round + static_cast<std::uint64_t>(i)) % 2 == 0;
        const Status status = mapping->copy(beyond ? 8192 + round * 64 : round, out);
        if (status.is_ok() == beyond) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed.load(), 0);
}

TEST_F(PosixTest, TheSignalMaskIsTheSameAfterAFault) {
  auto mapping = *create("empty")->map(4096);
  std::string out(1, '?');
  ASSERT_FALSE(mapping->copy(0, out).is_ok());
  sigset_t mask;
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, nullptr, &mask), 0);
  EXPECT_EQ(sigismember(&mask, SIGBUS), 0);
}

TEST_F(PosixTest, ASigbusThatIsNotOursStillEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_DFL);  // a sanitizer would report and exit otherwise
        auto mapping = *create("empty")->map(4096);
        std::string out(1, '?');
        if (mapping->copy(0, out).code() != StatusCode::kIoError) _exit(1);
        raise(SIGBUS);
        _exit(2);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(PosixTest, ASigbusThatIsNotOursGoesToTheHandlerBefore) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        signal(SIGBUS, [](int) { _exit(42); });
        auto mapping = *create("empty")->map(4096);
        std::string out(1, '?');
        if (mapping->copy(0, out).code() != StatusCode::kIoError) _exit(1);
        raise(SIGBUS);
        _exit(2);
      },
      ::testing::ExitedWithCode(42), "");
}

// Runs `body` in a child process and returns its exit code.
int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(PosixTest, AnotherProcessFindsTheLockTaken) {
  const auto try_lock = [this] { return static_cast<int>(FileSystem::posix().lock(path("LOCK")).code()); };
  {
    auto lock = FileSystem::posix().lock(path("LOCK"));
    ASSERT_TRUE(lock.is_ok());
    EXPECT_EQ(in_child(try_lock), static_cast<int>(StatusCode::kLocked));
  }
  EXPECT_EQ(in_child(try_lock), static_cast<int>(StatusCode::kOk));
}

TEST_F(PosixTest, ALockDiesWithItsProcess) {
  const int code = in_child([this]() -> int {
    auto lock = FileSystem::posix().lock(path("LOCK"));
    _exit(lock ? 7 : 1);  // no destructor runs
  });
  ASSERT_EQ(code, 7);
  EXPECT_TRUE(FileSystem::posix().lock(path("LOCK")).is_ok());
}

TEST_F(PosixTest, DescriptorsAreNotInherited) {
  auto file = create("a");
  auto lock = FileSystem::posix().lock(path("LOCK"));
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.find(root_) == std::string::npos) continue;
    const int fd = std::stoi(entry.path().filename().string());
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << target;
  }
}

// What a program writes to a standard output that it has closed does not go into a data file.
TEST_F(PosixTest, NoFileHasAStandardDescriptor) {
  const std::string name = path("f");
  EXPECT_EXIT(
      {
        ::close(STDIN_FILENO);
        ::close(STDOUT_FILENO);
        auto file = FileSystem::posix().open(name, OpenMode::kCreate);
        const bool is_free = ::fcntl(STDIN_FILENO, F_GETFD) == -1 && ::fcntl(STDOUT_FILENO, F_GETFD) == -1;
        _exit(file.is_ok() && is_free ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(PosixTest, AShortWriteIsGoneOnWithUntilTheErrorShows) {
  // With a limit on file sizes the kernel first writes what fits, and fails the call for the rest.
  const int code = in_child([this] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10'000, 10'000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    auto file = FileSystem::posix().open(path("a"), OpenMode::kCreate);
    const std::string large(30'000, 'x');
    const std::string_view pieces[] = {large, large};
    const Status status = (*file)->write(0, pieces);
    if (status.code() != StatusCode::kIoError) return 2;
    if (status.message().find("at 10000, 50000 bytes") == std::string::npos) return 3;
    return *(*file)->size() == 10'000 ? 0 : 4;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(PosixTest, AFullDeviceIsDiskFull) {
  auto file = FileSystem::posix().open("/dev/full", OpenMode::kReadWrite);
  if (!file) GTEST_SKIP() << file.status().message();
  const std::string_view piece = "x";
  const Status status = (*file)->write(0, {&piece, 1});
  EXPECT_EQ(status.code(), StatusCode::kDiskFull);
  EXPECT_THAT(status.message(), HasSubstr("No space left"));
}

TEST_F(PosixTest, AbsurdOffsetsAreRefused) {
  auto file = create("a");
  const std::string_view piece = "x";
  const std::uint64_t absurd = std::uint64_t{1} << 63;
  std::string out(1, '\0');
  EXPECT_FALSE(file->write(absurd, {&piece, 1}).is_ok());
  EXPECT_FALSE(file->read(absurd, out).is_ok());
  EXPECT_FALSE(file->truncate(absurd).is_ok());
}

TEST(StatusTest, ErrnoBecomesACodeToActUpon) {
  const struct {
    int error;
    StatusCode code;
  } table[] = {
      {ENOSPC, StatusCode::kDiskFull}, {EDQUOT, StatusCode::kDiskFull},    {ENOENT, StatusCode::kNotFound},
      {EIO, StatusCode::kIoError},     {EROFS, StatusCode::kIoError},      {EACCES, StatusCode::kIoError},
      {EMFILE, StatusCode::kIoError},  {EWOULDBLOCK, StatusCode::kLocked},
  };
  for (const auto& [error, code] : table) EXPECT_EQ(Status::from_errno(error, "x").code(), code) << error;
  EXPECT_THAT(Status::from_errno(EACCES, "open /data/LOCK").message(),
              ::testing::StartsWith("open /data/LOCK: Permission denied"));
}

// What the system says and what to do about it, which differs.
TEST(StatusTest, ErrnoSaysWhatToDo) {
  const struct {
    int error;
    const char* words;
  } table[] = {{EROFS, "mount"},     {EFBIG, "ulimit -f"}, {ENOMEM, "ulimit -v"}, {EMFILE, "ulimit -n"},
               {ENFILE, "file-max"}, {ENOSPC, "df -i"},    {EACCES, "belong"}};
  for (const auto& [error, words] : table) {
    const Status status = Status::from_errno(error, "open x").with_context("data");
    EXPECT_THAT(status.message(), HasSubstr(words));
    EXPECT_EQ(status.error(), error);
  }
  EXPECT_EQ(Status(StatusCode::kIoError, "x").error(), 0);
}

TEST(StatusTest, ContextGoesBeforeTheMessage) {
  const Status status = Status(StatusCode::kIoError, "read failed").with_context("segment 3");
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_EQ(status.message(), "segment 3: read failed");
  EXPECT_TRUE(Status::ok().with_context("segment 3").is_ok());
  EXPECT_EQ(Status::ok().with_context("segment 3").message(), "");
}

TEST(SystemClockTest, SteadyTimeNeverGoesBackAndWallTimeIsOfThisCentury) {
  std::int64_t last = Clock::system().steady_ms();
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t now = Clock::system().steady_ms();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_GT(Clock::system().wall_ms(), 1'600'000'000'000);
}

}  // namespace
}  // namespace minikv::engine
