// What every FileSystem has to do, held against the operating system's and the simulated one alike.
#include <linux/magic.h>
#include <sys/statfs.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/io/file_system.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

enum class Kind { kPosix, kSimulated };

class FileSystemTest : public ::testing::TestWithParam<Kind> {
 protected:
  FileSystemTest() {
    if (GetParam() == Kind::kPosix) {
      std::string name = ::testing::TempDir() + "minikv-io-XXXXXX";
      root_ = ::mkdtemp(name.data());
      fs_ = &FileSystem::posix();
    } else {
      root_ = "root";
      simulated_ = std::make_unique<sim::SimFileSystem>();
      fs_ = simulated_.get();
      EXPECT_TRUE(fs_->create_dir(root_).is_ok());
    }
  }
  ~FileSystemTest() override {
    if (GetParam() == Kind::kPosix) std::filesystem::remove_all(root_);
  }

  std::string path(const std::string& name) const { return root_ + "/" + name; }

  std::unique_ptr<File> create(const std::string& name, const std::string& contents = "") {
    auto file = fs_->open(path(name), OpenMode::kCreate);
    EXPECT_TRUE(file.is_ok()) << file.status().message();
    const std::string_view piece = contents;
    EXPECT_TRUE((*file)->write(0, {&piece, 1}).is_ok());
    return *std::move(file);
  }

  std::string contents_of(const std::string& name) {
    auto file = fs_->open(path(name), OpenMode::kRead);
    return file ? contents_of(**file) : file.status().message();
  }
  static std::string contents_of(const File& file) {
    std::string bytes(*file.size(), '\0');
    EXPECT_TRUE(file.read(0, bytes).is_ok());
    return bytes;
  }

  std::vector<std::string> names() {
    auto listed = fs_->list(root_);
    EXPECT_TRUE(listed.is_ok());
    return *listed;
  }

  std::string root_;
  FileSystem* fs_ = nullptr;

 private:
  std::unique_ptr<sim::SimFileSystem> simulated_;
};

INSTANTIATE_TEST_SUITE_P(All, FileSystemTest, ::testing::Values(Kind::kPosix, Kind::kSimulated),
                         [](const auto& instance) {
                           return instance.param == Kind::kPosix ? "Posix" : "Simulated";
                         });

TEST_P(FileSystemTest, WritesPiecesOneBehindTheOther) {
  auto file = create("a", "0123456789");
  const std::vector<std::string_view> pieces = {"ab", "", "c", "defg"};
  ASSERT_TRUE(file->write(5, pieces).is_ok());
  EXPECT_EQ(contents_of(*file), "01234abcdefg");
  EXPECT_EQ(*file->size(), 12U);
  EXPECT_TRUE(file->sync().is_ok());
  EXPECT_EQ(contents_of("a"), "01234abcdefg");
}

TEST_P(FileSystemTest, WritesMorePiecesThanOneSystemCallTakes) {
  auto file = create("a");
  std::vector<std::string> strings;
  std::string whole;
  for (int i = 0; i < 5000; ++i) {
    strings.push_back(i % 7 == 0 ? "" : std::to_string(i));
    whole += strings.back();
  }
  const std::vector<std::string_view> pieces(strings.begin(), strings.end());
  ASSERT_TRUE(file->write(3, pieces).is_ok());
  EXPECT_EQ(contents_of(*file), std::string(3, '\0') + whole);
}

TEST_P(FileSystemTest, AGapReadsAsZeros) {
  auto file = create("a", "x");
  const std::string_view piece = "y";
  ASSERT_TRUE(file->write(9000, {&piece, 1}).is_ok());
  EXPECT_EQ(contents_of(*file), "x" + std::string(8999, '\0') + "y");
}

TEST_P(FileSystemTest, ReadingBeyondTheEndIsAnErrorThatNamesTheFile) {
  auto file = create("short", "12345");
  std::string out(3, '\0');
  EXPECT_TRUE(file->read(2, out).is_ok());
  EXPECT_EQ(out, "345");
  const Status status = file->read(3, out);
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("short"), HasSubstr("ends")));
  EXPECT_EQ(file->read(100, out).code(), StatusCode::kIoError);
  EXPECT_TRUE(file->read(100, {}).is_ok());
}

TEST_P(FileSystemTest, PiecesAreReadOneBehindTheOther) {
  auto file = create("a", "0123456789");
  std::array<std::string, 6> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i].assign(i == 1 ? 0 : 2, '-');
  std::vector<std::span<char>> pieces(parts.begin(), parts.end());
  ASSERT_TRUE(file->read_pieces(0, pieces).is_ok());
  EXPECT_EQ(parts[0] + parts[1] + parts[2] + parts[3] + parts[4] + parts[5], "0123456789");
  EXPECT_EQ(file->read_pieces(1, pieces).code(), StatusCode::kIoError) << "one byte is missing";
  EXPECT_TRUE(file->read_pieces(1, {}).is_ok());
}

// How much that is, a file system may choose; what there is has to be right.
TEST_P(FileSystemTest, ReadingWithoutWaitingGivesAFrontPartOfWhatIsThere) {
  auto file = create("a", "0123456789");
  std::string first(3, '-'), second(4, '-');
  const std::array<std::span<char>, 2> pieces = {first, second};
  for (const std::uint64_t offset : {0U, 2U, 5U, 9U, 10U, 100U}) {
    const auto got = file->read_cached(offset, pieces);
    ASSERT_TRUE(got.is_ok()) << got.status().message();
    const std::string there = offset < 10 ? std::string("0123456789").substr(offset, 7) : "";
    EXPECT_THAT(*got, AnyOf(0U, there.size())) << offset;
    EXPECT_EQ((first + second).substr(0, *got), there.substr(0, *got));
  }
  EXPECT_EQ(*file->read_cached(3, {}), 0U);
}

TEST(PosixFileSystemTest, WhatLiesInMemoryFilesIsAlwaysReadWithoutWaiting) {
  std::string directory = "/dev/shm/minikv-io-XXXXXX";
  struct statfs info{};
  if (::statfs("/dev/shm", &info) != 0 || info.f_type != TMPFS_MAGIC ||
      ::mkdtemp(directory.data()) == nullptr)
    GTEST_SKIP() << "there is no tmpfs here";
  auto file = FileSystem::posix().open(directory + "/a", OpenMode::kCreate);
  ASSERT_TRUE(file.is_ok());
  const std::string_view contents = "0123456789";
  ASSERT_TRUE((*file)->write(0, {&contents, 1}).is_ok());
  for (int i = 0; i < 2; ++i) {
    std::string out(4, '-');
    const std::span<char> piece = out;
    EXPECT_EQ(*(*file)->read_cached(3, {&piece, 1}), 4U);
    EXPECT_EQ(out, "3456");
  }
  std::filesystem::remove_all(directory);
}

TEST_P(FileSystemTest, TruncateCutsAndExtendsWithZeros) {
  auto file = create("a", "0123456789");
  ASSERT_TRUE(file->truncate(4).is_ok());
  EXPECT_EQ(contents_of(*file), "0123");
  ASSERT_TRUE(file->truncate(8).is_ok());
  EXPECT_EQ(contents_of(*file), std::string("0123\0\0\0\0", 8));
}

TEST_P(FileSystemTest, OpenModes) {
  EXPECT_EQ(fs_->open(path("none"), OpenMode::kRead).code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->open(path("none"), OpenMode::kReadWrite).code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->open(path("no/dir"), OpenMode::kCreate).code(), StatusCode::kNotFound);
  create("a", "text");
  EXPECT_EQ(fs_->open(path("a"), OpenMode::kCreate).code(), StatusCode::kIoError);
  EXPECT_EQ(contents_of("a"), "text");

  auto reader = fs_->open(path("a"), OpenMode::kRead);
  ASSERT_TRUE(reader.is_ok());
  const std::string_view piece = "no";
  EXPECT_EQ((*reader)->write(0, {&piece, 1}).code(), StatusCode::kIoError);
  EXPECT_FALSE((*reader)->truncate(0).is_ok());
  auto writer = fs_->open(path("a"), OpenMode::kReadWrite);
  ASSERT_TRUE(writer.is_ok());
  ASSERT_TRUE((*writer)->write(2, {&piece, 1}).is_ok());
  EXPECT_EQ(contents_of(**reader), "teno");
}

TEST_P(FileSystemTest, RenameReplacesAndOpenFilesStay) {
  auto old = create("to", "old");
  create("from", "new");
  ASSERT_TRUE(fs_->rename(path("from"), path("to")).is_ok());
  EXPECT_THAT(names(), UnorderedElementsAre("to"));
  EXPECT_EQ(contents_of("to"), "new");
  EXPECT_EQ(contents_of(*old), "old");
  EXPECT_TRUE(old->has_no_name());
  EXPECT_EQ(fs_->rename(path("from"), path("to")).code(), StatusCode::kNotFound);
}

TEST_P(FileSystemTest, ARemovedFileCanBeReadUntilItIsClosed) {
  auto file = create("a", "text");
  auto mapping = file->map(4);
  ASSERT_TRUE(mapping.is_ok());
  EXPECT_FALSE(file->has_no_name());
  ASSERT_TRUE(fs_->remove(path("a")).is_ok());
  EXPECT_TRUE(file->has_no_name());
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(contents_of(*file), "text");
  std::string out(4, '\0');
  EXPECT_TRUE((*mapping)->copy(0, out).is_ok());
  EXPECT_EQ(out, "text");
  EXPECT_EQ(fs_->remove(path("a")).code(), StatusCode::kNotFound);
}

TEST_P(FileSystemTest, AllocatedBytesAreZerosAndTheOthersStay) {
  auto file = create("a", "text");
  if (const auto can = file->allocate(10'000); !*can) GTEST_SKIP() << "this file system can't allocate";
  EXPECT_EQ(*file->size(), 10'000U);
  EXPECT_EQ(contents_of(*file), "text" + std::string(9'996, '\0'));
  EXPECT_TRUE(*file->allocate(100) && *file->size() == 10'000U) << "never less than it was";
}

TEST_P(FileSystemTest, AFileWithOneNameIsNotShared) {
  auto file = create("a", "text");
  EXPECT_FALSE(file->is_shared());
  ASSERT_TRUE(fs_->remove(path("a")).is_ok());
  EXPECT_TRUE(file->is_shared()) << "no name at all is not one";
}

TEST_P(FileSystemTest, MappingsSeeWhatIsWrittenLater) {
  auto file = create("a");
  auto mapping = file->map(100'000);
  ASSERT_TRUE(mapping.is_ok());
  const std::string_view piece = "later";
  ASSERT_TRUE(file->write(50'000, {&piece, 1}).is_ok());
  file.reset();  // a mapping needs no open file
  std::string out(5, '\0');
  ASSERT_TRUE((*mapping)->copy(50'000, out).is_ok());
  EXPECT_EQ(out, "later");
}

TEST_P(FileSystemTest, MappingBeyondTheFileIsAnErrorForThatCopyAlone) {
  auto file = create("mapped", std::string(5000, 'x'));
  auto mapping = file->map(100'000);
  ASSERT_TRUE(mapping.is_ok());
  std::string out(10, '?');
  for (const std::uint64_t offset : {8192U, 60'000U, 99'990U}) {
    const Status status = (*mapping)->copy(offset, out);
    EXPECT_EQ(status.code(), StatusCode::kIoError) << offset;
    EXPECT_THAT(status.message(), HasSubstr("mapped"));
  }
  EXPECT_EQ((*mapping)->copy(8190, out).code(), StatusCode::kIoError);      // begins well
  EXPECT_EQ((*mapping)->copy(99'995, out).code(), StatusCode::kIoError);    // leaves the mapping
  EXPECT_EQ((*mapping)->copy(1U << 30, out).code(), StatusCode::kIoError);  // far outside
  ASSERT_TRUE((*mapping)->copy(4995, out).is_ok());
  EXPECT_EQ(out, "xxxxx" + std::string(5, '\0'));
  EXPECT_TRUE((*mapping)->copy(0, {}).is_ok());
}

TEST_P(FileSystemTest, AMappingOfNothing) {
  auto mapping = create("a")->map(0);
  ASSERT_TRUE(mapping.is_ok()) << mapping.status().message();
  std::string out(1, '\0');
  EXPECT_TRUE((*mapping)->copy(0, {}).is_ok());
  EXPECT_EQ((*mapping)->copy(0, out).code(), StatusCode::kIoError);
}

TEST_P(FileSystemTest, DirectoriesAreMadeWithThoseAbove) {
  ASSERT_TRUE(fs_->create_dir(path("a/b/c")).is_ok());
  EXPECT_TRUE(fs_->create_dir(path("a/b/c")).is_ok());
  EXPECT_TRUE(fs_->create_dir(path("a")).is_ok());
  create("a/b/c/file", "deep");
  EXPECT_EQ(contents_of("a/b/c/file"), "deep");
  EXPECT_THAT(*fs_->list(path("a/b")), UnorderedElementsAre("c"));
  EXPECT_TRUE(fs_->sync_dir(path("a/b/c")).is_ok());
}

TEST_P(FileSystemTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(fs_->list(path("none")).code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_->sync_dir(path("none")).code(), StatusCode::kNotFound);
  create("file");
  EXPECT_FALSE(fs_->create_dir(path("file")).is_ok());
}

TEST_P(FileSystemTest, ListNamesEverything) {
  create("a");
  create(".hidden");
  ASSERT_TRUE(fs_->create_dir(path("dir")).is_ok());
  EXPECT_THAT(names(), UnorderedElementsAre("a", ".hidden", "dir"));
}

TEST_P(FileSystemTest, ALockIsHeldForLife) {
  auto first = fs_->lock(path("LOCK"));
  ASSERT_TRUE(first.is_ok()) << first.status().message();
  const auto second = fs_->lock(path("LOCK"));
  EXPECT_EQ(second.code(), StatusCode::kLocked);
  EXPECT_THAT(second.status().message(), HasSubstr("LOCK"));
  EXPECT_THAT(names(), UnorderedElementsAre("LOCK"));
  first.value().reset();
  EXPECT_TRUE(fs_->lock(path("LOCK")).is_ok());
}

TEST_P(FileSystemTest, ALockCanBeTakenWithoutMakingItsFile) {
  EXPECT_EQ(fs_->lock_existing(path("LOCK")).code(), StatusCode::kNotFound);
  EXPECT_THAT(names(), IsEmpty());
  auto owner = fs_->lock(path("LOCK"));
  ASSERT_TRUE(owner.is_ok());
  EXPECT_EQ(fs_->lock_existing(path("LOCK")).code(), StatusCode::kLocked);
  owner.value().reset();
  auto reader = fs_->lock_existing(path("LOCK"));
  ASSERT_TRUE(reader.is_ok()) << reader.status().message();
  EXPECT_EQ(fs_->lock(path("LOCK")).code(), StatusCode::kLocked);
}

TEST_P(FileSystemTest, ThereIsRoom) {
  const auto room = fs_->free_space(root_);
  ASSERT_TRUE(room.is_ok());
  EXPECT_GT(*room, 0U);
}

TEST_P(FileSystemTest, DroppedCacheChangesNothing) {
  auto file = create("a", "text");
  ASSERT_TRUE(file->sync().is_ok());
  file->drop_cache();
  EXPECT_EQ(contents_of(*file), "text");
}

}  // namespace
}  // namespace minikv::engine
