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
    unsetenv("MINIKV_HOST");
    unsetenv("MINIKV_PORT");
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

TEST(ParseEndpoint, TakesTheUsualForms) {
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
