// System calls of the real server fail under load: no acknowledged write is lost, what was refused is not
// seen, reads go on, and after the fault the server is what the table in STORAGE promises: at work again, or
// read-only until a restart.
#include <chrono>
#include <iostream>
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/fault_injector.h"
#include "tests/e2e/line.h"
#include "tests/e2e/writing_client.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

enum class Afterwards {
  kUnharmed,  // nothing was refused, whatever failed
  kResumes,   // writes may have been refused; without a restart they are taken again
  kReadOnly,  // from the first refusal on no write is taken until a restart
  kEither,    // it depends on whose call it was
};

struct Fault {
  const char* name;
  const char* inject;  // as FaultInjector takes it
  Afterwards afterwards;
  const char* fsync = "always";
};

const Fault kFaults[] = {
    {"SyncFailsAtOnce", "fdatasync:error=EIO:when=1", Afterwards::kReadOnly},
    {"SyncFailsOnceUnderLoad", "fdatasync:error=EIO:when=9", Afterwards::kReadOnly},
    {"SyncFailsFromThenOn", "fdatasync:error=EIO:when=40+", Afterwards::kReadOnly},
    {"SyncFailsForWantOfSpace", "fdatasync:error=ENOSPC:when=12", Afterwards::kReadOnly},
    // All from then on: the first to fail may be one of the next segment's, which is given up for that.
    {"SyncFailsInIntervals", "fdatasync:error=EIO:when=2+", Afterwards::kReadOnly, "interval"},
    {"DirectorySyncFails", "fsync:error=EIO:when=2", Afterwards::kEither},
    {"WriteFailsOnce", "pwritev:error=EIO:when=7", Afterwards::kEither},
    {"WritesFailNowAndThen", "pwritev:error=EIO:when=5+9", Afterwards::kEither},
    {"NoSpaceNowAndThen", "pwritev:error=ENOSPC:when=5+9", Afterwards::kEither},
    {"NothingIsWritten", "pwritev:retval=0:when=6", Afterwards::kEither},
    {"WriteAndCutFail", "pwritev:error=EIO:when=8+;ftruncate:error=EIO", Afterwards::kReadOnly},
    {"ReadsFail", "pread64:error=EIO:when=2+3", Afterwards::kUnharmed},
    {"NoMoreDescriptors", "openat:error=EMFILE:when=1+", Afterwards::kResumes},
    {"RemovalFails", "unlink,unlinkat:error=EIO:when=1", Afterwards::kEither},
    {"RenamingFails", "rename,renameat:error=EIO:when=1", Afterwards::kEither},
    {"InterruptedSyncs", "fdatasync,fsync:error=EINTR:when=1+2", Afterwards::kUnharmed},
    {"InterruptedWrites", "pwritev,ftruncate:error=EINTR:when=1+2", Afterwards::kUnharmed},
    {"InterruptedReads", "pread64,openat:error=EINTR:when=1+2", Afterwards::kUnharmed},
    {"InterruptedReadsInIntervals", "pread64,pwritev,fdatasync:error=EINTR:when=1+2", Afterwards::kUnharmed,
     "interval"},
};

class SystemCallFaultsTest : public testing::TestWithParam<Fault> {};

TEST_P(SystemCallFaultsTest, LoseNothingAcknowledged) {
  if (const std::string why = FaultInjector::why_not(); !why.empty()) GTEST_SKIP() << why;
  const Fault& fault = GetParam();
  ServerProcess server({"--segment-size", "1MiB", "--fsync", fault.fsync, "--fsync-interval-ms", "50"});
  ASSERT_TRUE(server.start());
  Crowd crowd(3);
  // Something to read, to compact and to overwrite; then the fault.
  crowd.start(server.port(), {.writes = 300});
  crowd.join();
  FaultInjector injector(server.pid(), fault.inject);
  crowd.start(server.port(), {.writes = 600, .first_error = true});
  crowd.join();
  EXPECT_TRUE(crowd.check_alive(server.port())) << "under the fault";
  const auto write = [&] { return Line(server.port()).ask("set afterwards x").value_or("no answer"); };
  bool refused = !crowd.refusals().empty();
  if (fault.afterwards == Afterwards::kReadOnly) {
    // A crowd whose writes wait for no sync may be through before the one that fails.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!refused && std::chrono::steady_clock::now() < deadline) refused = write() != "+OK";
  }
  injector.stop();
  EXPECT_GT(injector.injected(), 0U) << "no call failed: the test says nothing";
  EXPECT_TRUE(crowd.check_alive(server.port())) << "after the fault";

  switch (fault.afterwards) {
    case Afterwards::kUnharmed: EXPECT_FALSE(refused); [[fallthrough]];
    case Afterwards::kResumes: EXPECT_EQ(write(), "+OK"); break;
    case Afterwards::kReadOnly:
      EXPECT_TRUE(refused);
      EXPECT_THAT(write(), testing::AnyOf(testing::StartsWith("-IOERR"), testing::StartsWith("-READONLY")));
      break;
    case Afterwards::kEither: break;
  }
  // A clean end is not possible for a store that can't be written, but it must end.
  if (fault.afterwards == Afterwards::kUnharmed) {
    EXPECT_EQ(server.stop(), 0);
  } else {
    server.kill9();
  }
  ASSERT_TRUE(server.start());
  EXPECT_TRUE(crowd.check(server.port()));
  EXPECT_EQ(write(), "+OK");
  EXPECT_EQ(server.stop(), 0) << server.log();
  std::cout << injector.injected() << " calls failed, " << crowd.acknowledged() << " writes acknowledged";
  for (const auto& [code, count] : crowd.refusals()) std::cout << ", " << count << " answered " << code;
  std::cout << "\n";
}

INSTANTIATE_TEST_SUITE_P(Real, SystemCallFaultsTest, testing::ValuesIn(kFaults),
                         [](const auto& fault) { return std::string(fault.param.name); });

}  // namespace
}  // namespace minikv::test
