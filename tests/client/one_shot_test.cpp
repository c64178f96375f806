// One command from the arguments, against servers that follow a script.
#include <string>
#include <string_view>
#include <vector>

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

}  // namespace
}  // namespace minikv::client
