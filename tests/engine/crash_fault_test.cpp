// Every call to the file system fails once: no acknowledged write is lost, errors are explicit, and what is
// on the disk afterwards is right.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/sim_explorer.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

using ::testing::IsEmpty;

const char* name_of(SimFault fault) {
  switch (fault) {
    case SimFault::kNone: return "no fault";
    case SimFault::kIoError: return "EIO";
    case SimFault::kDiskFull: return "ENOSPC";
    case SimFault::kHalfIoError: return "half, then EIO";
    case SimFault::kHalfDiskFull: return "half, then ENOSPC";
    case SimFault::kDoneIoError: return "done, but EIO";
  }
  return "?";
}

std::uint64_t calls_of_script() {
  SimRun run;
  EXPECT_EQ(run_script(run), "");
  return run.file_system().calls();
}

// What must hold once the fault is over: by another process on the same machine, and after a power cut.
std::string aftermath(SimRun& run) {
  run.set_judge(nullptr);
  run.file_system().clear_faults();
  run.kill();
  const History history = run.history();
  const SimDisk disk = run.file_system().disk();
  if (const Status opened = run.open(); !opened) return "open afterwards: " + opened.message();
  if (std::string problem = run.settle(history.allowed()); !problem.empty()) return "afterwards: " + problem;
  if (const Status written = run.write({{"again", "x"}}); !written)
    return "write afterwards: " + written.message();
  if (const Status compacted = run.compact(); !compacted) return "compact afterwards: " + compacted.message();
  if (std::string problem = run.check(); !problem.empty()) return "compacted afterwards: " + problem;

  for (const CrashMode mode : {CrashMode::kDropAll, CrashMode::kRandom}) {
    SimRun cut(sim_options(), disk.after_crash(mode, 1));
    cut.history() = history;
    if (const Status opened = cut.open(); !opened) return "open after a power cut: " + opened.message();
    if (std::string problem = cut.settle(history.allowed()); !problem.empty())
      return "after a power cut: " + problem;
  }
  return {};
}

// One in quick form, another one for each call; all of them in a long test.
std::vector<SimFault> faults_for(std::uint64_t call) {
  const std::vector<SimFault> all = {SimFault::kIoError, SimFault::kDoneIoError, SimFault::kHalfDiskFull,
                                     SimFault::kDiskFull, SimFault::kHalfIoError};
  if (scaled_rounds(8) > 8) return all;
  return {all[call % all.size()]};
}

TEST(FaultTest, OfAnyOneCallLosesNothingAcknowledged) {
  const std::uint64_t calls = calls_of_script();
  const std::uint64_t stride = 8 / std::min<std::uint64_t>(8, scaled_rounds(8));
  std::vector<std::string> failures;
  std::uint64_t runs = 0, refusals = 0;
  for (std::uint64_t n = 1 + test_seed(0) % stride; n <= calls && failures.size() < 5; n += stride) {
    for (const SimFault fault : faults_for(n + test_seed(0))) {
      SimRun run;
      std::string call = "no call";
      run.set_judge([&](const SimCall& seen) {
        if (seen.number != n) return SimFault::kNone;
        call = seen.describe();
        return fault;
      });
      std::string problem = run_script(run);
      ++runs;
      if (run.refused_writes() > 0) ++refusals;
      if (problem.empty()) problem = aftermath(run);
      if (!problem.empty()) failures.push_back(fmt::format("{} at {}: {}", name_of(fault), call, problem));
    }
  }
  std::cout << runs << " runs of the script with one fault each, " << refusals
            << " of them with writes refused\n";
  EXPECT_GT(refusals, 0U);
  EXPECT_THAT(failures, IsEmpty());
}

TEST(FaultTest, OfAllSyncsFromOneOnIsFinal) {
  const std::uint64_t calls = calls_of_script();
  const std::uint64_t stride = 8 / std::min<std::uint64_t>(8, scaled_rounds(8));
  std::vector<std::string> failures;
  std::uint64_t runs = 0;
  for (std::uint64_t n = 1; n <= calls && failures.size() < 5; n += stride) {
    SimRun run;
    run.set_judge([n](const SimCall& call) {
      return call.kind == SimCall::Kind::kSync && call.number >= n ? SimFault::kIoError : SimFault::kNone;
    });
    std::string problem = run_script(run);
    if (problem.empty()) problem = aftermath(run);
    ++runs;
    if (!problem.empty()) failures.push_back(fmt::format("syncs fail from call {} on: {}", n, problem));
  }
  std::cout << runs << " runs of the script in which syncs begin to fail\n";
  EXPECT_THAT(failures, IsEmpty());
}

TEST(FaultTest, AFailedSyncIsNotForgottenByASuccessfulOne) {
  SimRun run;
  ASSERT_TRUE(run.open().is_ok());
  ASSERT_TRUE(run.write({{"a", "1"}}).is_ok());
  bool failed = false;
  run.file_system().set_judge([&failed](const SimCall& call) {
    if (failed || call.kind != SimCall::Kind::kSync) return SimFault::kNone;
    failed = true;
    return SimFault::kIoError;
  });
  EXPECT_EQ(run.write({{"a", "2"}}).code(), StatusCode::kIoError);
  EXPECT_EQ(run.write({{"b", "3"}}).code(), StatusCode::kReadOnly);
  EXPECT_EQ(run.check(), "");  // and reads go on, without what was refused
  EXPECT_TRUE(run.store()->stats().read_only);
  EXPECT_THAT(run.store()->stats().read_only_reason, ::testing::HasSubstr("sync"));
}

// The same where nobody waits for the sync: who comes next is told.
TEST(FaultTest, AFailedSyncOfAnIntervalIsNotForgottenByASuccessfulOne) {
  Options options = sim_options();
  options.fsync = Fsync::kInterval;
  SimRun run(options);
  ASSERT_TRUE(run.open().is_ok());
  ASSERT_TRUE(run.write({{"a", "1"}}).is_ok());
  bool failed = false;
  run.file_system().set_judge([&failed](const SimCall& call) {
    if (failed || call.kind != SimCall::Kind::kSync) return SimFault::kNone;
    failed = true;
    return SimFault::kIoError;
  });
  for (int write = 0; write < 3 && !failed; ++write) {
    run.clock().advance_ms(options.fsync_interval_ms + 1);
    (void)run.write({{"a", "2"}});
  }
  ASSERT_TRUE(failed) << "no sync was due";
  run.clock().advance_ms(options.fsync_interval_ms + 1);
  EXPECT_EQ(run.write({{"b", "3"}}).code(), StatusCode::kReadOnly);
  EXPECT_EQ(run.check(), "");
  EXPECT_TRUE(run.store()->stats().read_only);
}

// All of the frame had reached the file when the error came.
TEST(FaultTest, AWriteThatWasRefusedIsNotThereAfterAKill) {
  SimRun run;
  ASSERT_TRUE(run.open().is_ok());
  ASSERT_TRUE(run.write({{"a", "1"}}).is_ok());
  bool failed = false;
  run.file_system().set_judge([&failed](const SimCall& call) {
    if (failed || call.kind != SimCall::Kind::kWrite) return SimFault::kNone;
    failed = true;
    return SimFault::kDoneIoError;
  });
  EXPECT_EQ(run.write({{"b", "2"}}).code(), StatusCode::kIoError);
  run.kill();
  ASSERT_TRUE(run.open().is_ok());
  EXPECT_EQ(run.store()->get("b").code(), StatusCode::kNotFound);
  EXPECT_TRUE(run.store()->get("a").is_ok());
}

TEST(FaultTest, AFullDiskRefusesWritesAndServesReadsUntilThereIsRoom) {
  std::uint64_t refused = 0;
  for (std::uint64_t room = 0; room < 20'000; room += 509) {
    SimRun run;
    ASSERT_TRUE(run.open().is_ok());
    ASSERT_TRUE(run.write({{"before", std::string(1000, 'b')}}).is_ok());
    std::uint64_t used = 0;
    for (const std::string& path : run.file_system().disk().files())
      used += run.file_system().disk().size(path);
    run.file_system().set_capacity(used + room);
    for (int i = 0; i < 30; ++i) {
      const Status status =
          run.write({{fmt::format("key{}", i % 7), std::string(700, static_cast<char>('A' + i))}});
      if (status) continue;
      ++refused;
      ASSERT_EQ(status.code(), StatusCode::kDiskFull) << status.message();
    }
    ASSERT_EQ(run.check(), "") << room;
    EXPECT_FALSE(run.store()->stats().read_only) << room;
    run.file_system().clear_faults();
    run.clock().advance_ms(60'000);
    ASSERT_EQ(run.write({{"after", "x"}}).message(), "") << room;
    ASSERT_EQ(run.check(), "") << room;
    ASSERT_EQ(aftermath(run), "") << room;
  }
  EXPECT_GT(refused, 0U);
}

TEST(FaultTest, AnUnreadablePageIsAnErrorForItsKeysAlone) {
  Options options = sim_options();
  options.compaction_threshold = 0;
  SimRun run(options);
  ASSERT_TRUE(run.open().is_ok());
  ASSERT_TRUE(run.write({{"bad", std::string(900, 'b')}}).is_ok());
  const std::string path = run.file_system().log().back().path;
  ASSERT_TRUE(run.write({{"good", std::string(900, 'g')}}).is_ok());
  run.file_system().fail_reads_of(path, 500, 100);
  EXPECT_EQ(run.store()->get("bad").code(), StatusCode::kIoError);
  EXPECT_TRUE(run.store()->get("good").is_ok());
  EXPECT_TRUE(run.store()->exists("bad"));
  run.file_system().clear_faults();
  EXPECT_EQ(run.check(), "");
}

}  // namespace
}  // namespace minikv::sim
