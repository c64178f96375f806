// The real minikv in shell scripts, against the real minikvd.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/repl_program.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

class OneShotTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server.start()); }

  RunResult minikv(std::vector<std::string> words, std::string_view input = {}) {
    words.insert(words.begin(), {"--port", std::to_string(server.port())});
    return run_minikv(std::move(words), input);
  }

  ServerProcess server;
};

std::string all_bytes() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  return bytes;
}

TEST_F(OneShotTest, ExitCodesAreForScripts) {
  EXPECT_EQ(minikv({"set", "name", "Alice"}).exit_code, 0);
  EXPECT_EQ(minikv({"get", "name"}).exit_code, 0);
  EXPECT_EQ(minikv({"get", "nobody"}).exit_code, 1);
  EXPECT_EQ(minikv({"exists", "name"}).exit_code, 0);
  EXPECT_EQ(minikv({"exists", "nobody"}).exit_code, 1);
  EXPECT_EQ(minikv({"mget", "name", "nobody"}).exit_code, 1);
  EXPECT_EQ(minikv({"delete", "nobody"}).exit_code, 1);
  EXPECT_EQ(minikv({"delete", "name"}).exit_code, 0);
  EXPECT_EQ(minikv({"set", "name"}).exit_code, 2);
  EXPECT_EQ(minikv({"frobnicate"}).exit_code, 2);
}

TEST_F(OneShotTest, ThreeMeansThatNoServerWasThere) {
  const int port = server.port();
  ASSERT_EQ(server.stop(), 0);
  const RunResult result = run_minikv({"--port", std::to_string(port), "get", "name"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("Error: Cannot connect to 127.0.0.1:" + std::to_string(port)));
}

TEST_F(OneShotTest, ShellWordsAreArguments) {
  EXPECT_EQ(minikv({"set", "name", "  Alice \"B\"\n"}).exit_code, 0);
  EXPECT_EQ(minikv({"--raw", "get", "name"}).out, "  Alice \"B\"\n");
  EXPECT_EQ(minikv({"set", "a key", "-5"}).exit_code, 0);
  EXPECT_EQ(minikv({"get", "a key"}).out, "-5\n");
  EXPECT_EQ(minikv({"set", "empty", ""}).exit_code, 0);
  EXPECT_EQ(minikv({"get", "empty"}).out, "\n");
  EXPECT_EQ(minikv({"set", "proto", "HTTP/1.1"}).exit_code, 0);
  EXPECT_EQ(minikv({"get", "proto"}).out, "HTTP/1.1\n");
}

TEST_F(OneShotTest, AnyBytesOfAnyLengthGoInAndComeOut) {
  std::string value;
  while (value.size() < (1U << 20)) value += all_bytes();
  EXPECT_EQ(minikv({"put", "blob"}, value).out, "OK\n");
  EXPECT_EQ(minikv({"--raw", "get", "blob"}).out, value);
  EXPECT_EQ(minikv({"put", "nothing"}).exit_code, 0);
  EXPECT_EQ(minikv({"--raw", "get", "nothing"}).out, "");
}

TEST_F(OneShotTest, FindsTheServerByEnvironment) {
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(run_minikv({"ping"}, "", {"MINIKV_PORT=" + port}).out, "PONG\n");
  EXPECT_EQ(run_minikv({"-u", "127.0.0.1:" + port, "ping"}, "", {"MINIKV_PORT=1"}).out, "PONG\n");
}

TEST_F(OneShotTest, ListsAndScans) {
  for (const char* key : {"b", "a 1", "a2", "c"}) ASSERT_EQ(minikv({"set", key, "v"}).exit_code, 0);
  EXPECT_EQ(minikv({"list"}).out, "Keys (4):\n  \"a 1\"\n  a2\n  b\n  c\n");
  EXPECT_EQ(minikv({"--raw", "list", "a"}).out, "\"a 1\"\na2\n");
  EXPECT_EQ(minikv({"list", "limit", "3"}).out,
            "Keys (3):\n  \"a 1\"\n  a2\n  b\nThere are more: list limit 3 after b\n");
  EXPECT_EQ(minikv({"list", "limit", "3", "after", "b"}).out, "Keys (1):\n  c\n");
  EXPECT_EQ(minikv({"scan", "a"}).out, "Pairs (2):\n  \"a 1\" = v\n  a2 = v\n");
  EXPECT_EQ(minikv({"range", "b", "+", "limit", "1"}).out,
            "Pairs (1):\n  b = v\nThere are more: range \"b\\0\" + limit 1\n");
}

TEST_F(OneShotTest, EveryVerbOfThisVersionWorks) {
  EXPECT_EQ(minikv({"incr", "n"}).out, "1\n");
  EXPECT_EQ(minikv({"mget", "n", "nobody"}).out, "1\nKey not found\n");
  EXPECT_EQ(minikv({"exists", "n", "n"}).out, "2\n");
  EXPECT_EQ(minikv({"echo", "a  b "}).out, "a  b \n");
  EXPECT_EQ(minikv({"compact"}).out, "Compaction finished\n");
  EXPECT_EQ(minikv({"ping"}).out, "PONG\n");
  EXPECT_EQ(minikv({"set", "text", "x"}).out, "OK\n");
  const RunResult failed = minikv({"incr", "text"});
  EXPECT_EQ(failed.exit_code, 2);
  EXPECT_THAT(failed.err, MatchesRegex("Error: .+ \\(NOTINT\\)\n"));
}

TEST_F(OneShotTest, StatsAreATable) {
  const RunResult stats = minikv({"stats"});
  EXPECT_EQ(stats.exit_code, 0);
  EXPECT_THAT(stats.out, HasSubstr("  ")) << "two columns";
}

// Commands from a pipe.
TEST_F(OneShotTest, AScriptOfCommandsRunsToItsEnd) {
  const RunResult result =
      minikv({}, "set name Alice B\r\nget name\nput blob 4\na\r\nb\nincr name\nget nobody\n--raw get blob");
  EXPECT_EQ(result.out, "OK\nAlice B\nOK\nKey not found\n");
  EXPECT_THAT(result.err, MatchesRegex("line 6: Error: .+ \\(NOTINT\\)\nline 8: Error: .+ \\(UNKNOWN\\)\n"));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(minikv({"--raw", "get", "blob"}).out, "a\r\nb");
}

TEST_F(OneShotTest, AScriptOfManyCommandsIsAnsweredInOrder) {
  std::string script;
  std::string expected;
  for (int i = 1; i <= 5000; ++i) {
    script += "incr n\n";
    expected += std::to_string(i) + "\n";
  }
  EXPECT_EQ(minikv({}, script).out, expected);
}

// What a shell does with descriptors.
class StandardDescriptorsTest : public OneShotTest {
 protected:
  RunResult script(const std::string& text) {
    return run_script(text, {"MINIKV_PORT=" + std::to_string(server.port()), "folder=" + server.data_dir()});
  }
};

TEST_F(StandardDescriptorsTest, NothingIsStoredUnlessAllOfItWasRead) {
  EXPECT_EQ(script("$minikv put k < $folder").err,
            "Error: standard input can't be read: Is a directory; nothing was stored\n");
  EXPECT_EQ(script("$minikv put k <&-").err,
            "Error: standard input can't be read: Bad file descriptor; nothing was stored\n");
  EXPECT_EQ(script("$minikv put k < $folder").exit_code, 2);
  EXPECT_EQ(script("$minikv put k <&-").exit_code, 2);
  EXPECT_EQ(script("$minikv put k <&- >&- 2>&-").exit_code, 2);
  EXPECT_EQ(script("$minikv < $folder").exit_code, 2);
  EXPECT_EQ(script("$minikv <&-").exit_code, 2);
  EXPECT_EQ(script("$minikv --interactive <&-").exit_code, 2);
  EXPECT_EQ(minikv({"exists", "k"}).out, "0\n");
}

TEST_F(StandardDescriptorsTest, AResultThatIsLostIsAnError) {
  ASSERT_EQ(minikv({"set", "k", "v"}).exit_code, 0);
  for (const char* command :
       {"$minikv get k > /dev/full", "$minikv get k >&-", "echo get k | $minikv > /dev/full",
        "echo get k | $minikv --interactive > /dev/full", "$minikv --help > /dev/full"}) {
    const RunResult ran = script(command);
    EXPECT_EQ(ran.exit_code, 2) << command;
    EXPECT_THAT(ran.err, StartsWith("minikv: the result can't be written: ")) << command;
  }
  const RunResult closed_pipe = script(
      "mkfifo $folder/../gate\n"
      "(trap '' PIPE; read line < $folder/../gate; $minikv get k; echo $? >&2) | (exec <&-; echo > "
      "$folder/../gate)");
  EXPECT_EQ(closed_pipe.err, "minikv: the result can't be written: Broken pipe\n2\n");
}

// No data file and no connection is ever standard input, output or error.
TEST_F(StandardDescriptorsTest, AServerThatIsStartedWithoutThemHasOthersInTheirPlace) {
  const RunResult ran = script(
      "cd $folder/.. && $minikvd --port 0 --port-file $PWD/port2 --data-dir data2 --segment-size 1MiB <&- "
      ">&- 2>&- &\n"
      "cd $folder/..; until [ -s port2 ]; do sleep 0.05; done\n"
      "readlink /proc/$!/fd/0 /proc/$!/fd/1 /proc/$!/fd/2; MINIKV_PORT=$(cat port2) $minikv set k v\n"
      "kill $!; wait $!; echo $?");
  EXPECT_EQ(ran.out, "/\n/\n/dev/null\nOK\n0\n");
}

TEST_F(StandardDescriptorsTest, WhatTheServersProgramIsAskedAndCannotSayIsAnError) {
  EXPECT_EQ(script("$minikvd --version > /dev/full").exit_code, 1);
  EXPECT_EQ(script("$minikvd --version >&-").exit_code, 1);
  EXPECT_EQ(script("$minikvd --print-config >&-").exit_code, 1);
  ASSERT_EQ(server.stop(), 0);
  EXPECT_EQ(script("$minikvd verify $folder >&-").exit_code, 2);
  EXPECT_EQ(script("$minikvd dump $folder >&-").exit_code, 2);
}

TEST_F(StandardDescriptorsTest, AScriptThatLosesItsPlaceGoesNoFurther) {
  ASSERT_EQ(minikv({"set", "kept", "v"}).exit_code, 0);
  EXPECT_EQ(minikv({}, "put k 3\ntoolong\nflushall\n").exit_code, 2);
  EXPECT_EQ(minikv({}, "put k x\nflushall\n").exit_code, 2);
  EXPECT_EQ(minikv({"get", "kept"}).out, "v\n");
}

TEST_F(StandardDescriptorsTest, AValueOverTheServersLimitIsRefusedByTheServer) {
  EXPECT_THAT(script("head -c 70000000 /dev/zero | $minikv put k").err, HasSubstr("(TOOLONG)"));
}

TEST(OneShotWithPasswordTest, TheEnvironmentGivesThePassword) {
  const std::string folder = testing::TempDir() + "minikv-password-" + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/password") << "hunter2\n";
  ServerProcess server({"--password-file", folder + "/password"});
  ASSERT_TRUE(server.start());
  const std::string port = "MINIKV_PORT=" + std::to_string(server.port());
  const auto ping = [&](std::vector<std::string> environment) {
    environment.push_back(port);
    return run_minikv({"ping"}, "", environment);
  };
  EXPECT_THAT(ping({}).err, HasSubstr("NOAUTH"));
  EXPECT_EQ(ping({"MINIKV_PASSWORD=hunter2"}).out, "PONG\n");
  EXPECT_EQ(ping({"MINIKV_PASSWORD=hunter2", "MINIKV_USER=default"}).out, "PONG\n");
  EXPECT_EQ(ping({"MINIKV_PASSWORD_FILE=" + folder + "/password"}).out, "PONG\n");
  EXPECT_EQ(ping({"MINIKV_PASSWORD=wrong"}).exit_code, 3);
  EXPECT_EQ(ping({"MINIKV_PASSWORD=hunter2", "MINIKV_USER=joe"}).exit_code, 3);
  EXPECT_EQ(ping({"MINIKV_USER=default"}).exit_code, 2) << "a name alone is not said";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace minikv::test
