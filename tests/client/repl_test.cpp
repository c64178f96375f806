// The conversation, against servers that follow a script.
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/mode_run.h"

namespace minikv::client {
namespace {

using test::CapturedFile;
using test::CapturedOutput;
using test::FakeServer;
using test::FedInput;
using testing::HasSubstr;

// Lines of a person, each of which may have something happen before it.
class TypedInput : public InputSource {
 public:
  struct Typed {
    std::string text;
    std::function<void()> before = {};
    Line::Kind kind = Line::Kind::kLine;
  };
  explicit TypedInput(std::vector<Typed> lines) : lines_(std::move(lines)) {}

  Line read_line(const char* prompt) override {
    prompts += prompt;
    if (next_ == lines_.size()) return {};
    const Typed& typed = lines_[next_++];
    if (typed.before) typed.before();
    return {typed.kind, typed.text};
  }
  void remember(const std::string& line) override { remembered.push_back(line); }
  bool start_over() override {
    ++started_over;
    return true;
  }

  std::string prompts;
  int started_over = 0;
  std::vector<std::string> remembered;

 private:
  std::vector<Typed> lines_;
  std::size_t next_ = 0;
};

TEST(ConversationTest, ErrorsArePartOfItAndItGoesOn) {
  FakeServer server({conversation({{"incr k", "-NOTINT no number\r\n"}, {"get k", "-NOTFOUND no\r\n"}})});
  TypedInput input({{"incr k"}, {""}, {"*1"}, {"get k"}, {"quit"}, {"get k"}});
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_repl(connection, input, captured.output()), 0);
  EXPECT_EQ(captured.out.text(),
            "Error: no number (NOTINT)\nError: no command *1; see: help (UNKNOWN)\nKey not found\n");
}

TEST(ConversationTest, RemembersCommandsButNoPasswords) {
  FakeServer server({conversation({{"get k", "+PONG\r\n"},
                                   {"auth hunter2", "+OK\r\n"},
                                   {"  AUTH joe hunter2", "+OK\r\n"},
                                   {"config set requirepass hunter2", "+OK\r\n"}})});
  TypedInput input({{"get k"},
                    {"auth hunter2"},
                    {"  AUTH joe hunter2"},
                    {"auth\thunter2"},
                    {"config set requirepass hunter2"}});
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_repl(connection, input, captured.output()), 0);
  EXPECT_EQ(input.remembered, std::vector<std::string>{"get k"});
}

TEST(ConversationTest, AValueOverSeveralLinesHasAPromptOfItsOwnAndCanBeGivenUp) {
  FakeServer server({conversation({{"put k 3", ""}, {"a", ""}, {"b", "+OK\r\n"}})});
  TypedInput input({{"put k 3"},
                    {"a"},
                    {"b"},
                    {"put k 3"},
                    {"", {}, InputSource::Line::Kind::kCancelled},
                    {"put k 3"},
                    {"too long"},
                    {"quit"}});
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_repl(connection, input, captured.output()), 0);
  EXPECT_EQ(input.prompts, "> | | > | > | > ");
  EXPECT_EQ(captured.out.text(),
            "OK\nError: the value ended after 0 of 3 bytes; nothing was stored (USAGE)\n"
            "Error: the value does not end after 3 bytes; nothing was stored (USAGE)\n");
}

TEST(ConversationTest, WhoLosesThePlaceInAValueStartsOverAndWhatEndsMayNot) {
  FakeServer server({conversation({{"ping", "+PONG\r\n"}}), conversation({})});
  TypedInput input({{"put k 3"}, {"toolong"}, {"ping"}, {"quit"}});
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_repl(connection, input, captured.output()), 0);
  EXPECT_EQ(input.started_over, 1);

  Connection again = patient_connection(server);
  FedInput fed("put k 3\ntoolong\nflushall\n");
  StreamInput stream(fed.fd());
  CapturedOutput shown;
  EXPECT_EQ(run_repl(again, stream, shown.output()), 2);
  EXPECT_EQ(shown.out.text(),
            "Error: the value does not end after 3 bytes; nothing was stored (USAGE)\n"
            "Nothing more was read: what follows may be the rest of that value.\n");
}

TEST(ConversationTest, EndsWithAnErrorWhereItCannotBeRead) {
  FakeServer server({conversation({})});
  TypedInput input({{"the terminal can't be read", {}, InputSource::Line::Kind::kFailed}});
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_repl(connection, input, captured.output()), 2);
  EXPECT_EQ(captured.out.text(), "Error: the terminal can't be read\n");
}

TEST(ConversationTest, EndsWithAnErrorWhereItCannotBeShown) {
  FakeServer server({conversation({{"ping", "+PONG\r\n"}})});
  TypedInput input({{"ping"}, {"ping"}});
  FullFile full;
  CapturedFile err;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_repl(connection, input, {full.file(), err.file()}), 2);
}

TEST(ConversationTest, ATransactionIsNotExecutedWithoutALineThatWasRefusedHere) {
  FakeServer server({conversation({{"multi", "+OK\r\n"}, {"discard", "+OK\r\n"}})});
  TypedInput input({{"multi"}, {"*1"}, {"exec"}});
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_repl(connection, input, captured.output()), 0);
  EXPECT_THAT(captured.out.text(), HasSubstr("the transaction was not executed"));
}

TEST(ConversationTest, ConnectsAgainAtTheNextCommand) {
  FakeServer server(
      {conversation({{"ping", "+PONG\r\n"}, {"ping", ""}}, false), conversation({{"ping", "+PONG\r\n"}})});
  TypedInput input({{"ping"}, {"ping"}, {"ping"}, {"quit"}});
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  const std::string place = connection.endpoint().text();
  EXPECT_EQ(run_repl(connection, input, captured.output()), 0);
  EXPECT_EQ(captured.out.text(), "PONG\nError: Connection to " + place + " lost: the server closed it.\n" +
                                     "The connection was lost; connected to " + place + " again.\nPONG\n");
}

TEST(ConversationTest, WhatBelongedToALostTransactionIsNotCarriedOutAlone) {
  FakeServer server({conversation({{"multi", "+OK\r\n"}, {"set a 1", ""}}, false),
                     conversation({{"get a", "-NOTFOUND no\r\n"}})});
  TypedInput input({{"multi"}, {"set a 1"}, {"set b 2"}, {"get a"}, {"quit"}});
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_repl(connection, input, captured.output()), 0);
  EXPECT_THAT(captured.out.text(),
              HasSubstr("the transaction was lost with it; this command was not sent.\n"));
  EXPECT_TRUE(captured.out.text().ends_with("Key not found\n"));
}

}  // namespace
}  // namespace minikv::client
