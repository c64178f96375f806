// The one-shot command, the pipe and the conversation, against servers that follow a script.
#include "client/modes.h"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/captured.h"
#include "tests/client/fake_server.h"

namespace minikv::client {
namespace {

using test::CapturedFile;
using test::CapturedOutput;
using test::FailingInput;
using test::FakeServer;
using test::FedInput;
using test::Peer;
using testing::HasSubstr;

Connection patient_connection(const FakeServer& server) {
  return Connection({"127.0.0.1", server.port()}, {});
}

// Expects each line and gives the answer beside it.
FakeServer::Script conversation(std::vector<std::pair<std::string, std::string>> exchanges,
                                bool stays = true) {
  return [exchanges = std::move(exchanges), stays](Peer& peer) {
    for (const auto& [line, answer] : exchanges) {
      EXPECT_EQ(peer.read_line(), line);
      peer.send(answer);
    }
    if (stays) {
      EXPECT_EQ(peer.read_all(), "");
    }
  };
}

struct Ran {
  int exit_code;
  std::string out;
  std::string err;
};

Ran one_shot(const FakeServer& server, std::vector<std::string> words, int input) {
  Connection connection = patient_connection(server);
  StreamInput stream(input);
  CapturedOutput captured;
  const int exit_code = run_one_shot(connection, words, stream, captured.output());
  return {exit_code, captured.out.text(), captured.err.text()};
}

Ran one_shot(const FakeServer& server, std::vector<std::string> words, std::string_view input = {}) {
  FedInput fed(input);
  fed.finish();
  return one_shot(server, std::move(words), fed.fd());
}

Ran piped(const FakeServer& server, int input) {
  Connection connection = patient_connection(server);
  StreamInput stream(input);
  CapturedOutput captured;
  const int exit_code = run_pipe(connection, stream, captured.output());
  return {exit_code, captured.out.text(), captured.err.text()};
}

Ran piped(const FakeServer& server, std::string_view input) {
  FedInput fed(input);
  fed.finish();
  return piped(server, fed.fd());
}

// Where nothing more can be written.
class FullFile {
 public:
  FullFile() : file_(std::fopen("/dev/full", "we")) {}
  ~FullFile() { std::fclose(file_); }
  FullFile(const FullFile&) = delete;
  FullFile& operator=(const FullFile&) = delete;
  std::FILE* file() { return file_; }

 private:
  std::FILE* file_;
};

TEST(OneShotTest, ResultsGoToStdoutAndReasonsToStderr) {
  FakeServer server({conversation({{"get k", "+VALUE 1 1\r\nv\r\n"}}),
                     conversation({{"get k", "-NOTFOUND no\r\n"}}),
                     conversation({{"incr k", "-NOTINT no number\r\n"}})});
  Ran ran = one_shot(server, {"get", "k"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, "v\n");
  ran = one_shot(server, {"get", "k"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, "Key not found\n");
  ran = one_shot(server, {"incr", "k"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, "Error: no number (NOTINT)\n");
}

TEST(OneShotTest, PutTakesItsValueFromStdin) {
  FakeServer server({conversation({{"put k 4 nx", ""}, {"a", ""}, {"b", "+OK\r\n"}})});
  EXPECT_EQ(one_shot(server, {"put", "k", "nx"}, "a\r\nb").exit_code, 0);
}

TEST(OneShotTest, PutStoresNothingUnlessAllOfItWasRead) {
  FakeServer nobody({});
  FailingInput failing("half a val");
  const Ran ran = one_shot(nobody, {"put", "k"}, failing.fd());
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.err, "Error: standard input can't be read: Input/output error; nothing was stored\n");
}

TEST(OneShotTest, PutWithoutAKeyDoesNotWaitForAValue) {
  FakeServer nobody({});
  const FedInput open_end;
  EXPECT_EQ(one_shot(nobody, {"put"}, open_end.fd()).err, "Error: put key [options] < file (USAGE)\n");
}

TEST(OneShotTest, AResultThatCannotBeWrittenIsAnError) {
  FakeServer server({conversation({{"get k", "+VALUE 9000 1\r\n" + std::string(9000, 'v') + "\r\n"}})});
  Connection connection = patient_connection(server);
  FedInput none;
  StreamInput stream(none.fd());
  FullFile full;
  CapturedFile err;
  EXPECT_EQ(run_one_shot(connection, std::vector<std::string>{"get", "k"}, stream, {full.file(), err.file()}),
            2);
  EXPECT_EQ(err.text(), "minikv: the result can't be written: No space left on device\n");
}

TEST(OneShotTest, NothingWasSentWhenItCannotConnect) {
  FakeServer nobody({});
  const Ran ran = one_shot(nobody, {"get", "k"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("Cannot connect"));
}

TEST(OneShotTest, AServerThatGoesAwayIsAnErrorAndNotAFailureToConnect) {
  FakeServer server({[](Peer& peer) { peer.read_line(); }});
  const Ran ran = one_shot(server, {"get", "k"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("lost"));
}

TEST(OneShotTest, HelpNeedsNoServer) {
  FakeServer nobody({});
  EXPECT_EQ(one_shot(nobody, {"help"}).out, help_overview());
  EXPECT_EQ(one_shot(nobody, {"help", "get"}).out, help_for("get"));
}

TEST(PipeTest, GoesOnAfterErrorsAndNamesTheirLines) {
  FakeServer server({conversation({{"set a 1", "+OK\r\n"},
                                   {"put b 3", ""},
                                   {"x", ""},
                                   {"y", "+OK\r\n"},
                                   {"incr b", "-NOTINT no number\r\n"},
                                   {"get c", "-NOTFOUND no\r\n"},
                                   {"get a", "+VALUE 1 1\r\n1\r\n"}})});
  const Ran ran = piped(server, "set a 1\nput b 3\nx\ny\n\nincr b\n*1\nget c\nget a");
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "OK\nOK\nKey not found\n1\n");
  EXPECT_EQ(ran.err,
            "line 6: Error: no number (NOTINT)\nline 7: Error: no command *1; see: help (UNKNOWN)\n");
}

TEST(PipeTest, TheExitCodeTellsOfAMissingKeyUnlessThereWasWorse) {
  FakeServer server({conversation({{"get c", "-NOTFOUND no\r\n"}, {"ping", "+PONG\r\n"}})});
  EXPECT_EQ(piped(server, "get c\nping\n").exit_code, 1);
}

TEST(PipeTest, QuitEndsIt) {
  FakeServer server({conversation({{"ping", "+PONG\r\n"}})});
  const Ran ran = piped(server, "ping\nquit\nping\n");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, "PONG\n");
}

TEST(PipeTest, EndsWhereItsPlaceIsLost) {
  struct Example {
    const char* lines;
    const char* error;
  };
  const Example examples[] = {
      {"put b 3\ntoolong\n", "the value does not end after 3 bytes; nothing was stored (USAGE)"},
      {"put b three\nthe\n",
       "put key length [options]: the length is a number of bytes; nothing was stored (USAGE)"},
      {"put b 9999999999\n", "no value can have 9999999999 bytes; nothing was stored (TOOLONG)"},
      {"put b 99\n", "the value ended after 8 of 99 bytes; nothing was stored (USAGE)"}};
  for (const Example& example : examples) {
    FakeServer server({conversation({{"set a 1", "+OK\r\n"}})});
    const Ran ran = piped(server, std::string("set a 1\n") + example.lines + "flushall");
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_EQ(ran.out, "OK\n");
    EXPECT_EQ(ran.err, std::string("line 2: Error: ") + example.error +
                           "\nline 2: Nothing more was read: what follows may be the rest of that value.\n");
  }
}

TEST(PipeTest, EndsWhereItCannotBeReadAndCarriesNoHalfLineOut) {
  FakeServer server({conversation({{"set a 1", "+OK\r\n"}})});
  FailingInput failing("set a 1\nset b hal");
  const Ran ran = piped(server, failing.fd());
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "OK\n");
  EXPECT_EQ(ran.err, "line 2: Error: standard input can't be read: Input/output error\n");
}

TEST(PipeTest, EndsWhereItsResultsCannotBeWritten) {
  FakeServer server({[](Peer& peer) {
    for (int i = 0; i < 256; ++i) EXPECT_EQ(peer.read_line(), "get k");
    const std::string value(1000, 'v');
    for (int i = 0; i < 256; ++i) peer.send("+VALUE 1000 1\r\n" + value + "\r\n");
    EXPECT_EQ(peer.read_all(), "");
  }});
  Connection connection = patient_connection(server);
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += "get k\n";
  FedInput fed(lines);
  fed.finish();
  StreamInput stream(fed.fd());
  FullFile full;
  CapturedFile err;
  EXPECT_EQ(run_pipe(connection, stream, {full.file(), err.file()}), 2);
  EXPECT_THAT(err.text(), HasSubstr("minikv: the result can't be written: No space left on device\nline "));
  EXPECT_THAT(err.text(),
              HasSubstr("Commands up to line 256 may have been carried out; those behind it were not"));
}

TEST(PipeTest, ATransactionIsNotExecutedWithoutALineThatWasRefusedHere) {
  FakeServer server({conversation({{"multi", "+OK\r\n"},
                                   {"set a 1", "+QUEUED\r\n"},
                                   {"discard", "+OK\r\n"},
                                   {"multi", "+OK\r\n"},
                                   {"exec", "+MULTI 0\r\n"}})});
  const Ran ran = piped(server, "multi\nset a 1\n*1\nexec\nmulti\nexec\n");
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(
      ran.err,
      "line 3: Error: no command *1; see: help (UNKNOWN)\n"
      "line 4: Error: the transaction was not executed, because a command in it was refused (ABORTED)\n");
}

TEST(PipeTest, ALostConnectionEndsItAndTheFirstLineInDoubtIsNamed) {
  FakeServer server({conversation({{"set a 1", "+OK\r\n"}, {"set b 2", ""}, {"set c 3", ""}}, false)});
  const Ran ran = piped(server, "set a 1\nset b 2\nset c 3\n");
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "OK\n");
  EXPECT_THAT(ran.err, HasSubstr("line 2: Error: Connection to"));
}

TEST(PipeTest, AnswersBeforeTheNextLineIsWritten) {
  FedInput fed("ping\n");
  FakeServer server({[&](Peer& peer) {
    EXPECT_EQ(peer.read_line(), "ping");
    fed.write("get k\n");  // the first line was sent though the input had not ended
    EXPECT_TRUE(peer.send("+PONG\r\n"));
    EXPECT_EQ(peer.read_line(), "get k");
    fed.finish();
    EXPECT_TRUE(peer.send("+VALUE 1 1\r\nv\r\n"));
    EXPECT_EQ(peer.read_all(), "");
  }});
  StreamInput stream(fed.fd());
  CapturedOutput captured;
  Connection connection = patient_connection(server);
  EXPECT_EQ(run_pipe(connection, stream, captured.output()), 0);
  EXPECT_EQ(captured.out.text(), "PONG\nv\n");
}

TEST(PipeTest, ManyRequestsAreUnderWayAtOnceAndAnsweredInOrder) {
  FakeServer server({[](Peer& peer) {
    for (int i = 0; i < 200; ++i) EXPECT_EQ(peer.read_line(), "incr n");
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(peer.send("+INT " + std::to_string(i) + "\r\n"));
    EXPECT_EQ(peer.read_all(), "");
  }});
  std::string lines;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    lines += "incr n\n";
    expected += std::to_string(i) + "\n";
  }
  EXPECT_EQ(piped(server, lines).out, expected);
}

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
