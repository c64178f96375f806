// A server with a password, and one that a client stops: the real programs.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/line.h"
#include "tests/e2e/repl_program.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class PasswordTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(directory_);
    std::ofstream(right_) << "open \"sesame\"\nsecond line\n";
    std::ofstream(wrong_) << "barley\n";
    server_.set_flags({"--password-file", right_});
    ASSERT_TRUE(server_.start());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  RunResult minikv(std::vector<std::string> words) {
    words.insert(words.begin(), {"--port", std::to_string(server_.port())});
    return run_minikv(std::move(words), "");
  }

  const std::string directory_ = testing::TempDir() + "minikv-password-" + std::to_string(getpid());
  const std::string right_ = directory_ + "/right", wrong_ = directory_ + "/wrong";
  ServerProcess server_;
};

TEST_F(PasswordTest, TheClientGivesIt) {
  EXPECT_EQ(minikv({"--password-file", right_, "set", "k", "v"}).exit_code, 0);
  EXPECT_EQ(minikv({"--password-file", right_, "--raw", "get", "k"}).out, "v");
  const RunResult without = minikv({"get", "k"});
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_THAT(without.err, HasSubstr("Authentication required"));
  const RunResult wrong = minikv({"--password-file", wrong_, "get", "k"});
  EXPECT_NE(wrong.exit_code, 0);
  EXPECT_THAT(wrong.err, HasSubstr("does not take the password"));
  const RunResult missing = minikv({"--password-file", directory_ + "/none", "get", "k"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("can't be read from"));
}

TEST_F(PasswordTest, AndSoDoesWhoeverSpeaksText) {
  Line line(server_.port());
  EXPECT_THAT(line.ask("get k").value_or(""), StartsWith("-NOAUTH"));
  EXPECT_EQ(line.ask("auth \"open \\\"sesame\\\"\"").value_or(""), "+OK");
  EXPECT_THAT(line.ask("get k").value_or(""), StartsWith("-NOTFOUND"));
  EXPECT_THAT(server_.log(), Not(HasSubstr("sesame")));
}

TEST(ShutdownTest, AClientMayStopTheServerInOrder) {
  ServerProcess server;
  ASSERT_TRUE(server.start());
  Line line(server.port());
  EXPECT_EQ(line.ask("set k v").value_or(""), "+OK");
  ASSERT_TRUE(line.send("*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n"));
  EXPECT_EQ(line.line(), std::nullopt);
  EXPECT_EQ(server.wait(), 0) << server.log();
  EXPECT_THAT(server.log(), AllOf(HasSubstr("asks for a shutdown"), HasSubstr("everything is on disk")));
  ASSERT_TRUE(server.start());
  EXPECT_THAT(Line(server.port()).ask("get k").value_or(""), StartsWith("+VALUE 1 "));
}

}  // namespace
}  // namespace minikv::test
