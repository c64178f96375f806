// A value that was damaged on disk is an error that names itself, in every command that needs the value;
// never the older value, never "no such key". All other keys go on working, and writing the key anew heals
// it.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {

namespace {

// Flips one bit where `value` stands in a segment file.
void damage(const TestServer& server, const std::string& value) {
  for (const auto& entry : std::filesystem::directory_iterator(server.data_directory())) {
    std::ostringstream content;
    content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    const std::size_t at = content.str().find(value);
    if (at == std::string::npos) continue;
    const int fd = ::open(entry.path().c_str(), O_WRONLY | O_CLOEXEC);
    const char flipped = static_cast<char>(value[0] ^ 0x01);
    EXPECT_EQ(::pwrite(fd, &flipped, 1, static_cast<off_t>(at)), 1);
    ::close(fd);
    return;
  }
  ADD_FAILURE() << value << " is in no file of " << server.data_directory();
}

class CorruptionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(client_.ask("set bad older-value"), "+OK");
    ASSERT_EQ(client_.ask("set bad value-to-be-damaged"), "+OK");
    ASSERT_EQ(client_.ask("set good fine"), "+OK");
    damage(server_, "value-to-be-damaged");
  }

  std::string ask_resp(std::initializer_list<std::string_view> args) {
    client_.send(resp(args));
    return client_.read_line();
  }

  TestServer server_;
  TestClient client_{server_.port()};
};

}  // namespace

TEST_F(CorruptionTest, CommandsThatNeedTheValueAnswerCorrupt) {
  EXPECT_TRUE(client_.ask("get bad").starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"GET", "bad"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(client_.ask("append bad x").starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"GETDEL", "bad"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"SET", "bad", "x", "GET"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"GETEX", "bad", "EX", "100"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"GETSET", "bad", "x"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"GETRANGE", "bad", "0", "1"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"SETRANGE", "bad", "0", "x"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"INCRBYFLOAT", "bad", "1"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"SETBIT", "bad", "0", "1"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"GETBIT", "bad", "0"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"BITCOUNT", "bad"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"BITPOS", "bad", "1"}).starts_with("-CORRUPT "));
  EXPECT_TRUE(ask_resp({"LCS", "good", "bad"}).starts_with("-CORRUPT "));
  // None of them changed anything.
  EXPECT_EQ(client_.ask("ttl bad"), "+INT -1");
  EXPECT_EQ(client_.ask("exists bad"), "+INT 1");
  EXPECT_TRUE(client_.ask("get bad").starts_with("-CORRUPT "));
}

TEST_F(CorruptionTest, BehindAWriteInFlightItIsTheSame) {
  client_.send("set other x\nget bad\nmget bad good\n");
  EXPECT_EQ(client_.read_line(), "+OK");
  EXPECT_TRUE(client_.read_line().starts_with("-CORRUPT "));
  EXPECT_EQ(client_.read_line(), "+MULTI 2");
  EXPECT_TRUE(client_.read_line().starts_with("-CORRUPT "));
  EXPECT_TRUE(client_.read_line().starts_with("+VALUE 4 "));
  EXPECT_EQ(client_.read_line(), "fine");
}

TEST_F(CorruptionTest, WalksNameTheKeyAndGoOn) {
  EXPECT_EQ(client_.ask("list"), "+LIST 2");
  EXPECT_EQ(client_.read_line(), "bad");
  EXPECT_EQ(client_.read_line(), "good");
  EXPECT_EQ(client_.ask("scan \"\""), "+PAIRS 2");
  EXPECT_EQ(client_.read_line(), "bad -CORRUPT");
  EXPECT_TRUE(client_.read_line().starts_with("good 4 "));
  EXPECT_EQ(client_.read_line(), "fine");
  EXPECT_EQ(ask_resp({"RANGE", "", "good"}), "*2");
  EXPECT_EQ(client_.read_line(), "$-1");
  EXPECT_EQ(client_.read_line(), "*3");
  EXPECT_EQ(client_.read_line(), "$3");
  EXPECT_EQ(client_.read_line(), "bad");
  EXPECT_TRUE(client_.read_line().starts_with("-CORRUPT "));
  EXPECT_TRUE(client_.read_line().starts_with(":"));
}

TEST_F(CorruptionTest, WritingTheKeyAnewHealsIt) {
  EXPECT_EQ(client_.ask("set bad new"), "+OK");
  EXPECT_TRUE(client_.ask("get bad").starts_with("+VALUE 3 "));
  EXPECT_EQ(client_.read_line(), "new");
}

TEST_F(CorruptionTest, ItCanBeDeleted) {
  EXPECT_EQ(client_.ask("delete bad"), "+INT 1");
  EXPECT_EQ(client_.ask("get bad"), "-NOTFOUND no such key");
}

}  // namespace minikv::server
