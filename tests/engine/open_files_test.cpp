// Any number of segments with a few descriptors: what was used last is open, the rest is opened when it is
// needed.
#include "engine/segment/open_files.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

using ::testing::HasSubstr;

class OpenFilesTest : public ::testing::Test {
 protected:
  OpenFilesTest() {
    EXPECT_TRUE(disk_.create_dir("data"));
    for (char name = 'a'; name <= 'e'; ++name) {
      const std::string content(8, name);
      auto file = disk_.open(path(name), OpenMode::kCreate);
      EXPECT_TRUE((*file)->write(0, std::array{std::string_view(content)}));
    }
  }

  static std::string path(char name) { return std::string("data/") + name; }
  std::unique_ptr<DataFile> open(char name, OpenMode mode = OpenMode::kRead) {
    auto file = files_->open(path(name), mode);
    EXPECT_TRUE(file) << file.status().message();
    return *std::move(file);
  }
  std::unique_ptr<DataFile> settled(char name) {
    auto file = open(name);
    file->allow_closing();
    return file;
  }
  static std::string read(const DataFile& file) {
    std::string bytes(2, '\0');
    const Status done = file.read(0, bytes);
    return done ? bytes : done.message();
  }
  std::size_t opens() const {
    std::size_t count = 0;
    for (const auto& call : disk_.log()) count += call.kind == sim::SimCall::Kind::kOpen ? 1 : 0;
    return count;
  }
  // As where the process has no descriptor left for the next `count` files that are opened.
  void fail_opens(int count) {
    left_to_fail_ = count;
    disk_.set_judge([this](const sim::SimCall& call) {
      if (call.kind != sim::SimCall::Kind::kOpen || left_to_fail_ == 0) return sim::SimFault::kNone;
      --left_to_fail_;
      return sim::SimFault::kIoError;
    });
  }

  sim::SimFileSystem disk_;
  std::shared_ptr<OpenFiles> files_ =
      std::make_shared<OpenFiles>(std::shared_ptr<FileSystem>(std::shared_ptr<void>(), &disk_), 2);
  int left_to_fail_ = 0;
};

TEST_F(OpenFilesTest, NoMoreThanItMayAreOpenAndAllCanBeRead) {
  std::vector<std::unique_ptr<DataFile>> all;
  for (char name = 'a'; name <= 'e'; ++name) all.push_back(settled(name));
  EXPECT_EQ(files_->open_now(), 2U);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(read(*all[i]), std::string(2, static_cast<char>('a' + i)));
      EXPECT_LE(files_->open_now(), 2U);
    }
  }
  all.clear();
  EXPECT_EQ(files_->open_now(), 0U);
}

TEST_F(OpenFilesTest, WhatWasReadLastStaysOpen) {
  const auto a = settled('a');
  const auto b = settled('b');
  EXPECT_EQ(read(*a), "aa");
  const auto c = settled('c');  // takes b's
  const std::size_t before = opens();
  EXPECT_EQ(read(*a), "aa");
  EXPECT_EQ(read(*c), "cc");
  EXPECT_EQ(opens(), before);
  EXPECT_EQ(read(*b), "bb");
  EXPECT_EQ(opens(), before + 1);
}

TEST_F(OpenFilesTest, WhatIsBeingWrittenIsNeverClosed) {
  const auto written = open('a', OpenMode::kReadWrite);
  const auto b = settled('b');
  const auto c = settled('c');
  const auto d = settled('d');
  ASSERT_TRUE(written->write(0, std::array{std::string_view("xy")}));
  ASSERT_TRUE(written->sync());
  EXPECT_EQ(read(*written), "xy");
  written->allow_closing();
  const auto e = settled('e');
  EXPECT_EQ(read(*b), "bb");
  EXPECT_EQ(read(*c), "cc");
  EXPECT_EQ(read(*written), "xy");
}

TEST_F(OpenFilesTest, WithoutADescriptorOneIsTakenFromAnotherFile) {
  const auto a = settled('a');
  const auto b = settled('b');
  const auto c = settled('c');  // a is closed
  fail_opens(1);
  EXPECT_EQ(read(*a), "aa");
  EXPECT_EQ(files_->open_now(), 2U);
  fail_opens(1);
  const auto d = files_->open(path('d'), OpenMode::kReadWrite);
  ASSERT_TRUE(d) << d.status().message();
  EXPECT_EQ(files_->open_now(), 1U);
}

TEST_F(OpenFilesTest, WhereThereIsNoneAtAllTheReadSaysSoAndTheNextOneWorks) {
  const auto a = settled('a');
  const auto b = settled('b');
  const auto c = settled('c');
  fail_opens(100);
  std::string bytes(2, '\0');
  EXPECT_EQ(a->read(0, bytes).code(), StatusCode::kIoError);
  left_to_fail_ = 0;
  EXPECT_EQ(read(*a), "aa");
}

TEST_F(OpenFilesTest, AFileThatIsGoneIsAnIoErrorAndNotAMissingKey) {
  const auto a = settled('a');
  const auto b = settled('b');
  const auto c = settled('c');
  ASSERT_TRUE(disk_.remove(path('a')));
  std::string bytes(2, '\0');
  EXPECT_EQ(a->read(0, bytes).code(), StatusCode::kIoError);
}

TEST_F(OpenFilesTest, AReadThatMustNotWaitOpensNothing) {
  const auto a = settled('a');
  const auto b = settled('b');
  const auto c = settled('c');
  std::string bytes(2, '\0');
  const std::array<std::span<char>, 1> pieces{bytes};
  const std::size_t before = opens();
  auto got = a->read_cached(0, pieces);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 0U);
  EXPECT_EQ(opens(), before);
  got = c->read_cached(0, pieces);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 2U);
}

TEST(FileBudgetTest, EveryPartGetsWhatItNeedsAndNoMoreThanThereIs) {
  const Options options;
  const std::uint64_t least = least_open_files(options);
  EXPECT_EQ(FileBudget::divide(0, options).kept_open, FileBudget::kMinKeptOpen);
  for (std::uint64_t descriptors = least; descriptors < 5000; descriptors += 7) {
    const FileBudget budget = FileBudget::divide(descriptors, options);
    EXPECT_LE(budget.total(), descriptors);
    EXPECT_GE(budget.load_threads, 1U);
    EXPECT_LE(2 * budget.load_threads, std::max<std::size_t>(descriptors - budget.others, 2));
    EXPECT_LE(budget.kept_open, FileBudget::kMaxKeptOpen);
  }
}

// ---- the store on a real disk ----

class ManySegmentsTest : public ::testing::Test {
 protected:
  ManySegmentsTest() {
    std::string pattern = ::testing::TempDir() + "minikv-open-files-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    options_.segment_size = kMiB;
    options_.fsync = Fsync::kNever;
    options_.compaction_threshold = 0;
    options_.max_open_files = static_cast<std::uint32_t>(least_open_files(options_));
  }
  ~ManySegmentsTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    auto opened = Store::open(directory_, options_);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  void fill(int first, int last) {
    for (int n = first; n < last; ++n) {
      ASSERT_TRUE(store_->set("key" + std::to_string(n), value_ + std::to_string(n)));
    }
  }
  void expect_all(int first, int last) {
    for (int n = first; n < last; ++n) {
      const auto found = store_->get("key" + std::to_string(n));
      ASSERT_TRUE(found) << n << ": " << found.status().message();
      ASSERT_EQ(found->data, value_ + std::to_string(n));
    }
  }
  // Descriptors of this process that lead to segments.
  std::size_t open_segments() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      const std::string target = std::filesystem::read_symlink(entry, error);
      if (target.find("/segment-") != std::string::npos && target.find(directory_) == 0) ++count;
    }
    return count;
  }

  const std::string value_ = std::string(100'000, 'v');
  std::string directory_;
  Options options_;
  std::unique_ptr<Store> store_;
};

TEST_F(ManySegmentsTest, AreWrittenReadCompactedAndOpenedWithAFewDescriptors) {
  constexpr int kKeys = 700;  // 50 segments and more
  open();
  fill(0, kKeys);
  ASSERT_GT(store_->stats().segments, options_.max_open_files);
  EXPECT_LE(open_segments(), options_.max_open_files);
  EXPECT_EQ(store_->stats().max_open_files, options_.max_open_files);
  expect_all(0, kKeys);
  EXPECT_LE(open_segments(), options_.max_open_files);
  ASSERT_TRUE(store_->close());
  store_.reset();

  open();
  EXPECT_LE(open_segments(), options_.max_open_files);
  expect_all(0, kKeys);
  fill(0, kKeys / 2);  // what is dead is to be compacted
  ASSERT_TRUE(store_->compact());
  EXPECT_LE(open_segments(), options_.max_open_files);
  expect_all(0, kKeys);
  EXPECT_GT(store_->stats().open_files, 0U);
  ASSERT_TRUE(store_->close());
}

TEST_F(ManySegmentsTest, TheLeastIsSaid) {
  options_.max_open_files = static_cast<std::uint32_t>(least_open_files(options_)) - 1;
  const auto refused = Store::open(directory_ + "/new", options_);
  EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr(std::to_string(options_.max_open_files + 1)));
}

}  // namespace
}  // namespace minikv::engine
