// Flags, environment and words become a command line, or an error that names where it came from.
#include "client/command_line.h"

#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::client {
namespace {

std::variant<CommandLine, int> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "minikv");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

CommandLine parsed(const std::vector<const char*>& words) {
  auto line = parse(words);
  EXPECT_TRUE(std::holds_alternative<CommandLine>(line));
  return std::holds_alternative<CommandLine>(line) ? std::get<CommandLine>(line) : CommandLine{};
}

int exit_code(const std::vector<const char*>& words) {
  auto line = parse(words);
  return std::holds_alternative<int>(line) ? std::get<int>(line) : -1;
}

class Environment : public testing::Test {
 protected:
  void SetUp() override { TearDown(); }
  void TearDown() override {
    for (const char* name : {"MINIKV_HOST", "MINIKV_PORT", "MINIKV_USER", "MINIKV_PASSWORD",
                             "MINIKV_PASSWORD_FILE", "MINIKV_HISTORY"}) {
      unsetenv(name);
    }
  }
};
using CommandLineTest = Environment;

TEST_F(CommandLineTest, WhatFollowsTheVerbIsTheVerbsOwn) {
  EXPECT_EQ(parsed({"set", "k", "-5"}).words, (std::vector<std::string>{"set", "k", "-5"}));
  EXPECT_EQ(parsed({"--raw", "get", "--port", "--raw", "--", "-h"}).words,
            (std::vector<std::string>{"get", "--port", "--raw", "--", "-h"}));
  EXPECT_EQ(parsed({"--", "get", "k"}).words, (std::vector<std::string>{"get", "k"}));
  EXPECT_EQ(parsed({"set", "k", ""}).words, (std::vector<std::string>{"set", "k", ""}));
  EXPECT_TRUE(parsed({}).words.empty());
}

TEST_F(CommandLineTest, FlagsGoBeforeTheEnvironmentAndDashUBeforeBoth) {
  EXPECT_EQ(parsed({}).endpoint.text(), "127.0.0.1:7379");
  setenv("MINIKV_HOST", "db", 1);
  setenv("MINIKV_PORT", "1000", 1);
  EXPECT_EQ(parsed({}).endpoint.text(), "db:1000");
  EXPECT_EQ(parsed({"--port", "2000", "get", "k"}).endpoint.text(), "db:2000");
  EXPECT_EQ(parsed({"-p", "2000", "get", "k"}).endpoint.text(), "db:2000");
  EXPECT_EQ(parsed({"--host", "::1"}).endpoint.text(), "[::1]:1000");
  EXPECT_EQ(parsed({"--port", "2000", "-u", "other:3000"}).endpoint.text(), "other:3000");
  EXPECT_EQ(parsed({"-u", "other"}).endpoint.text(), "other:1000");
}

TEST_F(CommandLineTest, AnAnswerIsWaitedForAsLongAsSaid) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parsed({"--timeout", "0.5", "ping"}).timeouts.reply, 500ms);
  EXPECT_EQ(parsed({"--timeout", "0.5", "ping"}).timeouts.connect, 500ms);
  EXPECT_EQ(parsed({"--timeout", "0", "ping"}).timeouts.reply, 0ms);
}

TEST_F(CommandLineTest, AFlagThatIsEmptyIsAVariableThatAScriptForgot) {
  for (const char* flag : {"--host", "--port", "-p", "-u", "--user", "--password-file", "--timeout"}) {
    EXPECT_EQ(exit_code({flag, "", "ping"}), 2) << flag;
  }
  for (const char* flag : {"--host=", "--port=", "--user=", "--password-file=", "--timeout="}) {
    EXPECT_EQ(exit_code({flag, "ping"}), 2) << flag << " takes the verb for its value";
    EXPECT_EQ(exit_code({"--raw", "-p", "1", flag, "ping"}), 2) << flag;
  }
  EXPECT_EQ(parsed({"set", "k", ""}).words.back(), "") << "but an argument may be";
  EXPECT_EQ(parsed({"--raw", "set", "k", "--v="}).words.back(), "--v=");
}

TEST_F(CommandLineTest, AnEmptyVariableCountsAsUnset) {
  for (const char* name :
       {"MINIKV_HOST", "MINIKV_PORT", "MINIKV_USER", "MINIKV_PASSWORD", "MINIKV_PASSWORD_FILE"}) {
    setenv(name, "", 1);
  }
  const CommandLine line = parsed({});
  EXPECT_EQ(line.endpoint.text(), "127.0.0.1:7379");
  EXPECT_EQ(line.endpoint.user, "default");
  EXPECT_EQ(line.endpoint.password, "");
}

TEST_F(CommandLineTest, OfAFlagThatIsGivenTwiceTheLastCounts) {
  EXPECT_EQ(parsed({"--port", "1", "--port", "2", "ping"}).endpoint.port, 2);
}

TEST_F(CommandLineTest, APortThatIsNoneIsNamedWithWhereItCameFrom) {
  setenv("MINIKV_PORT", "tcp://10.0.0.1:7379", 1);  // as Kubernetes sets it
  testing::internal::CaptureStderr();
  EXPECT_EQ(exit_code({"ping"}), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "minikv: MINIKV_PORT=tcp://10.0.0.1:7379 is no port (1 to 65535); see: minikv --help\n");
}

TEST_F(CommandLineTest, ThePasswordOfTheEnvironmentIsBlottedOutThere) {
  setenv("MINIKV_USER", "joe", 1);
  setenv("MINIKV_PASSWORD", "hunter2", 1);
  const char* in_memory = getenv("MINIKV_PASSWORD");
  const CommandLine line = parsed({});
  EXPECT_EQ(line.endpoint.user, "joe");
  EXPECT_EQ(line.endpoint.password, "hunter2");
  EXPECT_STREQ(in_memory, "*******");
  EXPECT_EQ(getenv("MINIKV_PASSWORD"), nullptr);
}

TEST_F(CommandLineTest, OnePasswordAtATime) {
  setenv("MINIKV_PASSWORD", "hunter2", 1);
  setenv("MINIKV_PASSWORD_FILE", "/some/file", 1);
  EXPECT_EQ(exit_code({"ping"}), 2);
  EXPECT_EQ(exit_code({"--user", "joe", "ping"}), 2) << "a user without any";
}

TEST_F(CommandLineTest, TheHistoryIsWhereTheEnvironmentSays) {
  const char* home = getenv("HOME");
  const std::string home_before = home == nullptr ? "" : home;
  setenv("HOME", "/home/joe", 1);
  EXPECT_EQ(parsed({}).history_file, "/home/joe/.minikv_history");
  setenv("MINIKV_HISTORY", "/elsewhere", 1);
  EXPECT_EQ(parsed({}).history_file, "/elsewhere");
  setenv("HOME", home_before.c_str(), 1);
}

TEST(ParseTimeoutTest, TakesSecondsAndNothingElse) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_timeout("0"), 0ms);
  EXPECT_EQ(parse_timeout("0.5"), 500ms);
  EXPECT_EQ(parse_timeout("1000000"), 1'000'000s);
  EXPECT_EQ(parse_timeout("0.0000001"), 1ms) << "0 would be for ever";
  for (const char* text : {"", "nan", "-nan", "inf", "-inf", "infinity", "-1", "-0", "+1", "1e3", "0x10",
                           " 1", "1 ", "1s", "1,5", "1000000.1", "1e400", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_timeout(text)) << text;
  }
}

TEST(ParsePortTest, TakesWhatCanBeConnectedTo) {
  EXPECT_EQ(parse_port("1"), 1);
  EXPECT_EQ(parse_port("65535"), 65535);
  for (const char* text :
       {"", "0", "65536", "-1", "+1", "0x1", "1.0", " 1", "1 ", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_port(text)) << text;
  }
}

TEST_F(CommandLineTest, MistakesEndItWithAnError) {
  EXPECT_EQ(exit_code({"--bogus", "get", "k"}), 2);
  EXPECT_EQ(exit_code({"--port", "70000", "get", "k"}), 2);
  EXPECT_EQ(exit_code({"--port", "0", "get", "k"}), 2);
  EXPECT_EQ(exit_code({"--port"}), 2);
  EXPECT_EQ(exit_code({"--timeout", "-1", "ping"}), 2);
  EXPECT_EQ(exit_code({"--interactive", "get", "k"}), 2);
  EXPECT_EQ(exit_code({"-u", "host:port", "ping"}), 2);
  EXPECT_EQ(exit_code({"--help"}), 0);
  EXPECT_EQ(exit_code({"--version"}), 0);
}

TEST(ParseEndpointTest, TakesTheUsualForms) {
  struct Example {
    const char* text;
    const char* endpoint;  // empty: refused
  };
  const Example examples[] = {
      {"host:1", "host:1"}, {"host", "host:7"}, {"[::1]:1", "[::1]:1"}, {"[::1]", "[::1]:7"}, {"", ""},
      {":1", ""},           {"host:", ""},      {"host:0", ""},         {"host:65536", ""},   {"host:1x", ""},
      {"::1", ""},          {"[::1", ""},       {"[::1]1", ""},         {"[]:1", ""},
  };
  for (const Example& example : examples) {
    const std::optional<Endpoint> endpoint = parse_endpoint(example.text, {"default", 7});
    EXPECT_EQ(endpoint ? endpoint->text() : "", example.endpoint) << example.text;
  }
}

}  // namespace
}  // namespace minikv::client
