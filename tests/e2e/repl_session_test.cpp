// The promise of the README: this conversation, character for character.
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/repl_program.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSession =
    "> set name Alice\n"
    "OK\n"
    "> get name\n"
    "Alice\n"
    "> set age 25\n"
    "OK\n"
    "> delete name\n"
    "Deleted\n"
    "> list\n"
    "Keys (1):\n"
    "  age\n"
    "> compact\n"
    "Compaction finished\n"
    "> quit\n";

std::vector<std::string> typed_lines(const std::string& session) {
  std::vector<std::string> typed;
  std::istringstream lines(session);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("> ")) typed.push_back(line.substr(2));
  }
  return typed;
}

class ReplSessionTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_terminal(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_TRUE(server.start());
    home = server.data_dir() + "/../home";
    std::filesystem::create_directory(home);
  }

  std::vector<std::string> flags() const { return {"--port", std::to_string(server.port())}; }
  // A locale without bytes above 0x7f, as in a container.
  std::vector<std::string> environment() const {
    return {"HOME=" + home, "LC_ALL=C", std::string("TERM=") + GetParam()};
  }

  ServerProcess server;
  std::string home;
};

TEST_P(ReplSessionTest, IsWhatWeSayItIs) {
  Terminal terminal(flags(), environment());
  std::string shown = terminal.shown_until("> ");
  for (const std::string& line : typed_lines(kSession)) {
    terminal.type(line + "\n");
    shown += line == "quit" ? terminal.shown_until_end() : terminal.shown_until("\n> ");
  }
  EXPECT_EQ(shown, kSession);
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST_P(ReplSessionTest, KeepsAHistoryThatOnlyTheOwnerCanRead) {
  Terminal terminal(flags(), environment());
  terminal.shown_until("> ");
  terminal.type("set secret 42\n");
  terminal.shown_until("\n> ");
  terminal.type("quit\n");
  terminal.shown_until_end();

  struct stat file{};
  ASSERT_EQ(stat((home + "/.minikv_history").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600U);

  Terminal next(flags(), environment());
  next.shown_until("> ");
  next.type("\x1b[A\x1b[A\n");  // arrow up, twice: quit, and before it the set
  EXPECT_THAT(next.shown_until("OK\n> "), HasSubstr("set secret 42"));
}

TEST_P(ReplSessionTest, WithoutAHomeThereIsNoHistory) {
  Terminal terminal(flags(), {"HOME=", std::string("TERM=") + GetParam()});
  terminal.shown_until("> ");
  terminal.type("quit\n");
  terminal.shown_until_end();
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST_P(ReplSessionTest, CtrlCGivesUpTheLineAndCtrlDLeaves) {
  Terminal terminal(flags(), environment());
  terminal.shown_until("> ");
  terminal.type("set k wrong\x03");
  EXPECT_EQ(terminal.shown_until("\n> "), "set k wrong^C\n> ");
  terminal.type("get k\n");
  EXPECT_THAT(terminal.shown_until("\n> "), HasSubstr("\nKey not found\n> "));
  terminal.type("\x04");
  terminal.shown_until_end();
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST_P(ReplSessionTest, TabCompletesTheVerb) {
  Terminal terminal(flags(), environment());
  terminal.shown_until("> ");
  terminal.type("comp\t\n");
  EXPECT_THAT(terminal.shown_until("finished\n> "), HasSubstr("\nCompaction finished\n> "));
}

TEST_P(ReplSessionTest, TakesAndShowsWhatIsNotAscii) {
  Terminal terminal(flags(), environment());
  terminal.shown_until("> ");
  terminal.type(
      "set stra\xc3\x9f"
      "e \xc3\xa4\xc3\xb6 \xe2\x82\xac\n");
  terminal.shown_until("OK\n> ");
  terminal.type(
      "get stra\xc3\x9f"
      "e\n");
  EXPECT_THAT(terminal.shown_until("\n> "), HasSubstr("\n\xc3\xa4\xc3\xb6 \xe2\x82\xac\n> "));
}

TEST_P(ReplSessionTest, WhatIsPastedWhileAnAnswerIsAwaitedIsNotCut) {
  Terminal terminal(flags(), environment());
  terminal.shown_until("> ");
  kill(server.pid(), SIGSTOP);
  terminal.type("ping\n");
  terminal.shown_until("\n");  // sent: the answer is awaited
  const std::string value(9000, 'v');
  std::thread paste(
      [&] { terminal.type("set k " + value + "\nstrlen k\nput b 9000\n" + value + "\nstrlen b\n"); });
  // As much as the terminal keeps is there before the server goes on.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  kill(server.pid(), SIGCONT);
  terminal.shown_until("strlen b\n9000\n> ");
  paste.join();
  EXPECT_EQ(run_minikv({"--port", std::to_string(server.port()), "get", "k"}).out, value + "\n");
  EXPECT_EQ(run_minikv({"--port", std::to_string(server.port()), "get", "b"}).out, value + "\n");
}

TEST_P(ReplSessionTest, BytesThatAreNoCharactersAreNotDroppedInSilence) {
  Terminal terminal(flags(), environment());
  terminal.shown_until("> ");
  terminal.type(
      "set k a\xff"
      "b\n");
  EXPECT_THAT(terminal.shown_until("\n> "),
              HasSubstr("This line has bytes that are no characters, and is not used."));
  terminal.type("get k\n");
  EXPECT_THAT(terminal.shown_until("\n> "), HasSubstr("Key not found"));
}

TEST_P(ReplSessionTest, WhatWasTypedBehindAValueOfAnotherLengthIsDropped) {
  Terminal terminal(flags(), environment());
  terminal.shown_until("> ");
  terminal.type("set kept v\nput k 3\ntoolong\nflushall\n");
  terminal.shown_until("nothing was stored (USAGE)\n> ");
  terminal.type("get kept\n");
  EXPECT_THAT(terminal.shown_until("\n> "), HasSubstr("get kept\nv\n"));
}

TEST_P(ReplSessionTest, TheTerminalIsAsItWasHoweverTheProgramEnds) {
  for (const int number : {SIGINT, SIGTERM}) {
    Terminal terminal(flags(), environment());
    terminal.shown_until("> ");
    kill(terminal.pid(), number);
    terminal.shown_until_end();
    EXPECT_EQ(terminal.exit_code(), -number);
    EXPECT_TRUE(terminal.gathers_and_echoes());
  }
  Terminal terminal(flags(), environment());
  terminal.shown_until("> ");
  terminal.type("quit\n");
  terminal.shown_until_end();
  EXPECT_TRUE(terminal.gathers_and_echoes());
}

TEST_P(ReplSessionTest, NoPasswordIsSeenInTheProcessOrInTheHistory) {
  std::vector<std::string> with_password = environment();
  with_password.emplace_back("MINIKV_PASSWORD=hunter2");
  Terminal terminal(flags(), with_password);
  terminal.shown_until("> ");
  std::ostringstream process;
  process << std::ifstream("/proc/" + std::to_string(terminal.pid()) + "/environ").rdbuf();
  EXPECT_THAT(process.str(), HasSubstr("MINIKV_PASSWORD=*******"));
  terminal.type("auth hunter2\n");
  terminal.shown_until("\n> ");
  terminal.type("quit\n");
  terminal.shown_until_end();
  std::ostringstream history;
  history << std::ifstream(home + "/.minikv_history").rdbuf();
  EXPECT_THAT(history.str(), Not(HasSubstr("hunter2")));
}

TEST_P(ReplSessionTest, TheHistoryIsWhereTheEnvironmentSays) {
  std::vector<std::string> elsewhere = environment();
  elsewhere.push_back("MINIKV_HISTORY=" + home + "/elsewhere");
  Terminal terminal(flags(), elsewhere);
  terminal.shown_until("> ");
  terminal.type("quit\n");
  terminal.shown_until_end();
  EXPECT_TRUE(std::filesystem::exists(home + "/elsewhere"));
  EXPECT_FALSE(std::filesystem::exists(home + "/.minikv_history"));
}

TEST_P(ReplSessionTest, FindsTheServerAgainAfterARestart) {
  Terminal terminal({"--port", std::to_string(server.port())}, environment());
  terminal.shown_until("> ");
  ASSERT_EQ(server.stop(), 0);
  terminal.type("get k\n");
  EXPECT_THAT(terminal.shown_until("\n> "), HasSubstr("Error: Cannot connect to 127.0.0.1:"));
  server.keep_port();
  ASSERT_TRUE(server.start());
  terminal.type("get k\n");
  EXPECT_THAT(terminal.shown_until("\n> "), HasSubstr(" again.\nKey not found\n> "));
}

std::string terminal_name(const testing::TestParamInfo<const char*>& terminal) { return terminal.param; }

INSTANTIATE_TEST_SUITE_P(Terminals, ReplSessionTest, testing::Values("dumb", "xterm"), terminal_name);

// The same without a terminal: prompts are shown, input is not echoed.
TEST(ReplOnAPipeTest, ShowsPromptsAndAnswers) {
  ServerProcess server;
  ASSERT_TRUE(server.start());
  std::string input;
  for (const std::string& line : typed_lines(kSession)) input += line + "\n";
  const RunResult result = run_minikv({"--port", std::to_string(server.port()), "--interactive"}, input);
  EXPECT_EQ(result.out, "> OK\n> Alice\n> OK\n> Deleted\n> Keys (1):\n  age\n> Compaction finished\n> ");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.exit_code, 0);
}

}  // namespace
}  // namespace minikv::test
