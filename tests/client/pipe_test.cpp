// Commands from a stream, against servers that follow a script.
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/mode_run.h"

namespace minikv::client {
namespace {

using test::CapturedFile;
using test::CapturedOutput;
using test::FailingInput;
using test::FakeServer;
using test::FedInput;
using test::Peer;
using testing::HasSubstr;

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

}  // namespace
}  // namespace minikv::client
