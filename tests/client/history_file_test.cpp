// What becomes of the file that the lines are kept in.
#include "client/history_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minikv::client {
namespace {

using testing::HasSubstr;

class Lines {
 public:
  Lines() : history_(history_init()) { history(history_, &event_, H_SETSIZE, 100); }
  ~Lines() { history_end(history_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  History* get() { return history_; }
  void add(const char* line) { history(history_, &event_, H_ENTER, line); }
  std::string newest() { return history(history_, &event_, H_FIRST) < 0 ? "" : event_.str; }

 private:
  History* history_;
  HistEvent event_{};
};

class HistoryFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = testing::TempDir() + "minikv-history-" + std::to_string(getpid());
    std::filesystem::create_directory(folder);
    path = folder + "/history";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string content() const {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  // The problem of a conversation in which this line was typed.
  std::string converse(const char* line) const {
    Lines lines;
    HistoryFile file(path);
    const std::string problem = file.load(lines.get());
    lines.add(line);
    const std::string saved = file.save(lines.get());
    return problem + saved;
  }

  std::string folder;
  std::string path;
};

TEST_F(HistoryFileTest, KeepsLinesForItsOwnerOnly) {
  EXPECT_EQ(converse("get k"), "");
  struct stat facts{};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600U);
  Lines lines;
  EXPECT_EQ(HistoryFile(path).load(lines.get()), "");
  EXPECT_THAT(lines.newest(), HasSubstr("get k"));
}

TEST_F(HistoryFileTest, AFileThatIsNoHistoryIsLeftAsItIs) {
  std::ofstream(path) << "the only copy of my thesis\n";
  EXPECT_THAT(converse("get k"), HasSubstr("it is no history of minikv's"));
  EXPECT_EQ(content(), "the only copy of my thesis\n");
}

TEST_F(HistoryFileTest, WhatIsNoFileIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(converse("get k"), "no history is kept: " + path + ": it is no regular file");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_EQ(converse("get k"), "no history is kept: " + path + ": it is no regular file");
}

TEST_F(HistoryFileTest, ALinkStaysALink) {
  std::filesystem::create_symlink("real", path);
  std::ofstream(folder + "/real").flush();
  EXPECT_EQ(converse("get k"), "");
  EXPECT_TRUE(std::filesystem::is_symlink(path));
  EXPECT_THAT(content(), HasSubstr("get"));
}

TEST_F(HistoryFileTest, WhatCannotBeSavedIsToldAndLeavesNothingBehind) {
  path = folder + "/none/history";
  EXPECT_EQ(converse("get k"), "the history was not saved in " + path + ": No such file or directory");
  path = folder + "/history";
  EXPECT_EQ(converse("get k"), "");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST_F(HistoryFileTest, NoneIsKeptInDevNull) {
  path = "/dev/null";
  EXPECT_EQ(converse("get k"), "");
}

}  // namespace
}  // namespace minikv::client
