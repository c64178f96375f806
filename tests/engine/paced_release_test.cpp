// What has been removed gives its space back piece by piece, and what somebody still has a name for is left
// as it is.
#include "engine/files/paced_release.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/sim_run.h"

namespace minikv::engine {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kPiece = kMiB / 4;

class PacedReleaseTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(files_.create_dir("data")); }

  static std::unique_ptr<Segment> make_segment(FileSystem& files, const std::string& path,
                                               std::uint64_t bytes) {
    {
      auto file = files.open(path, OpenMode::kCreate);
      EXPECT_TRUE(file) << file.status().message();
      const std::string content(bytes, 'x');
      EXPECT_TRUE((*file)->write(0, std::array{std::string_view(content)}));
    }
    auto segment = open_segment(
        *std::make_shared<OpenFiles>(std::shared_ptr<FileSystem>(std::shared_ptr<void>(), &files), 8), path,
        OpenMode::kReadWrite, {}, SegmentKind::kLog, bytes);
    EXPECT_TRUE(segment) << segment.status().message();
    return *std::move(segment);
  }
  void add(std::unique_ptr<Segment> segment) {
    std::vector<std::unique_ptr<Segment>> segments;
    segments.push_back(std::move(segment));
    release_.add(std::move(segments));
  }
  void add_removed(const std::string& path, std::uint64_t bytes) {
    auto segment = make_segment(files_, path, bytes);
    ASSERT_TRUE(files_.remove(path));
    add(std::move(segment));
  }
  // The sizes to which files were cut.
  std::vector<std::uint64_t> cuts() const {
    std::vector<std::uint64_t> sizes;
    for (const sim::SimCall& call : files_.log()) {
      if (call.kind == sim::SimCall::Kind::kTruncate) sizes.push_back(call.length);
    }
    return sizes;
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  StoreContext context_{sim::sim_options(), files_, clock_, "data"};
  PacedRelease release_{context_};
};

TEST_F(PacedReleaseTest, CutsPieceAfterPieceAndSaysWhatIsLeft) {
  add_removed("data/a", kMiB + 100);
  add_removed("data/b", 7);
  EXPECT_EQ(release_.bytes(), kMiB + 107);
  std::vector<std::uint64_t> left;
  while (!release_.is_empty()) {
    release_.release_piece(Urgency::kNone);
    left.push_back(release_.bytes());
  }
  EXPECT_EQ(cuts(), (std::vector<std::uint64_t>{3 * kPiece + 100, 2 * kPiece + 100, kPiece + 100, 100}));
  EXPECT_EQ(left, (std::vector<std::uint64_t>{3 * kPiece + 107, 2 * kPiece + 107, kPiece + 107, 107, 7, 0}));
  release_.release_piece(Urgency::kNone);  // nothing is left
}

TEST_F(PacedReleaseTest, RestsOnlyWhereSomebodyWrites) {
  add_removed("data/a", 4 * kMiB);
  const auto rests = [this](Urgency urgency) {
    release_.release_piece(urgency);
    return release_.next_at() > steady_clock::now();
  };
  EXPECT_FALSE(rests(Urgency::kNone));
  // By the simulated disk's clock a piece takes no time worth a rest; it is long enough to be told from none
  // here.
  files_.set_judge([](const sim::SimCall& call) {
    if (call.kind == sim::SimCall::Kind::kTruncate) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    return sim::SimFault::kNone;
  });
  ++context_.written_sequence;
  EXPECT_TRUE(rests(Urgency::kNone));
  EXPECT_FALSE(rests(Urgency::kNone)) << "nobody has written since";
  ++context_.written_sequence;
  EXPECT_FALSE(rests(Urgency::kHigh));
}

TEST_F(PacedReleaseTest, WhatCanNotBeCutIsClosed) {
  add_removed("data/a", kMiB);
  files_.set_judge([](const sim::SimCall& call) {
    return call.kind == sim::SimCall::Kind::kTruncate ? sim::SimFault::kIoError : sim::SimFault::kNone;
  });
  release_.release_piece(Urgency::kNone);
  EXPECT_TRUE(release_.is_empty());
  EXPECT_EQ(release_.bytes(), 0U);
}

TEST_F(PacedReleaseTest, AllAtOnceWhereTheRoomIsWanted) {
  add_removed("data/a", kMiB);
  add_removed("data/b", kMiB);
  release_.release_piece(Urgency::kNone);
  release_.release_all();
  EXPECT_TRUE(release_.is_empty());
  EXPECT_EQ(release_.bytes(), 0U);
  EXPECT_EQ(cuts().size(), 1U);
}

TEST_F(PacedReleaseTest, AFileThatIsStillThereIsNotCut) {
  add(make_segment(files_, "data/a", kMiB));
  EXPECT_TRUE(release_.is_empty());
  EXPECT_EQ(files_.disk().size("data/a"), kMiB);
}

// As a backup has it that was made of hard links.
TEST_F(PacedReleaseTest, AFileThatHasAnotherNameIsNotCut) {
  std::string directory = testing::TempDir() + "minikv-release-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  auto segment = make_segment(FileSystem::posix(), directory + "/segment", kMiB);
  std::filesystem::create_hard_link(directory + "/segment", directory + "/backup");
  ASSERT_TRUE(FileSystem::posix().remove(directory + "/segment"));
  add(std::move(segment));
  EXPECT_TRUE(release_.is_empty());
  EXPECT_EQ(std::filesystem::file_size(directory + "/backup"), kMiB);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace minikv::engine
