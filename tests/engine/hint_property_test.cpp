// Hints are a cache: a store opened with them, without them, with some of them, or with wrong ones holds the
// same. And they are worth it: a start after a clean close reads no values.
#include <algorithm>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment.h"
#include "tests/support/sim_random.h"

namespace minikv::sim {
namespace {

struct Ended {
  SimDisk disk;
  Options options;
  History history;
  std::int64_t time_ms = 0;
};

// A store after a random history, closed or killed.
Ended end_of(std::uint64_t seed) {
  RandomHistory history({.seed = seed, .steps = 90});
  EXPECT_EQ(history.run(), "") << "seed " << seed;
  SimRun& run = history.store();
  if (seed % 3 == 0) {
    run.kill();
  } else {
    EXPECT_EQ(run.close().message(), "") << "seed " << seed;
  }
  return {run.file_system().disk().after_crash(CrashMode::kKeepAll), history.options(), run.history(),
          run.clock().steady_ms()};
}

std::vector<std::string> hints_of(const SimDisk& disk) {
  std::vector<std::string> hints;
  for (const std::string& path : disk.files()) {
    if (path.ends_with(".hint")) hints.push_back(path);
  }
  return hints;
}

class Meddler {
 public:
  Meddler(std::uint64_t seed, const SimDisk& foreign) : random_(seed), foreign_(foreign) {}

  // Does something to a hint, or nothing; what.
  const char* meddle(SimDisk& disk, const std::string& path) {
    const std::vector<std::string> all = hints_of(disk);
    const std::string& other = all[random_() % all.size()];
    const std::string contents = disk.contents(path);
    switch (random_() % 8) {
      case 0: disk.erase(path); return "gone";
      case 1: disk.flip_bit(path, random_() % contents.size(), random_() % 8); return "with a flipped bit";
      case 2: disk.cut(path, random_() % contents.size()); return "short";
      case 3: disk.put(path, contents + std::string(8, '\0')); return "long";
      case 4: disk.put(path, ""); return "empty";
      case 5:
        if (other == path) return "itself";
        disk.put(path, disk.contents(other));
        return "that of another segment";
      case 6:
        if (!foreign_.exists(path)) return "as it was";
        disk.put(path, foreign_.contents(path));
        return "that of another store's segment of this name";
      default: return "as it was";
    }
  }

 private:
  std::mt19937_64 random_;
  const SimDisk& foreign_;
};

// What is wrong with the store on this disk, or nothing.
std::string compare(const Ended& ended, SimDisk disk) {
  SimRun run(ended.options, std::move(disk), ended.time_ms);
  run.history() = ended.history;
  if (const Status opened = run.open(); !opened) return "open: " + opened.message();
  if (std::string problem = run.check(); !problem.empty()) return problem;
  if (const Status compacted = run.compact(); !compacted) return "compact: " + compacted.message();
  if (std::string problem = run.check(); !problem.empty()) return "compacted: " + problem;
  if (const Status closed = run.close(); !closed) return "close: " + closed.message();
  if (const Status opened = run.open(); !opened) return "open again: " + opened.message();
  return run.check();
}

TEST(HintsTest, MakeNoDifferenceToWhatAStoreHolds) {
  const std::uint64_t first = test_seed(1);
  const std::uint64_t rounds = scaled_rounds(80);
  std::uint64_t stores = 0, hints = 0;
  const SimDisk foreign = end_of(first + 1'000'000).disk;
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    const std::string again = fmt::format("MINIKV_TEST_SEED={} MINIKV_TEST_ROUNDS=1", seed);
    const Ended ended = end_of(seed);
    ASSERT_EQ(compare(ended, ended.disk), "") << again << ", as it was";
    SimDisk without = ended.disk;
    for (const std::string& path : hints_of(without)) without.erase(path);
    ASSERT_EQ(compare(ended, std::move(without)), "") << again << ", without hints";
    Meddler meddler(seed, foreign);
    for (int i = 0; i < 4; ++i) {
      SimDisk disk = ended.disk;
      std::string what;
      for (const std::string& path : hints_of(ended.disk))
        what += fmt::format("{} is {}; ", path, meddler.meddle(disk, path));
      ASSERT_EQ(compare(ended, std::move(disk)), "") << again << ", " << what;
      hints += hints_of(ended.disk).size();
    }
    stores += 6;
  }
  EXPECT_GT(hints, rounds) << "too few hints to say anything";
  std::cout << stores << " stores after " << rounds << " random histories, " << hints
            << " hints meddled with\n";
}

TEST(HintsTest, ACleanRestartReadsNoValues) {
  Options options = sim_options();
  options.segment_size = 64 * 1024;
  SimRun run(options);
  ASSERT_TRUE(run.open().is_ok());
  std::uint64_t value_bytes = 0;
  for (int i = 0; i < 300; ++i) {
    const std::size_t size = 1000 + static_cast<std::size_t>(i) * 10;
    ASSERT_TRUE(run.write({{fmt::format("key{}", i % 200), std::string(size, 'v')}}).is_ok());
    value_bytes += size;
    if (i == 150) {
      ASSERT_TRUE(run.compact().is_ok());
      ASSERT_TRUE(run.close().is_ok());
      ASSERT_TRUE(run.open().is_ok());
    }
  }
  ASSERT_TRUE(run.close().is_ok());
  const std::uint64_t calls_before = run.file_system().calls();
  ASSERT_TRUE(run.open().is_ok());
  // Not the spare: nothing was written to it, and that is looked at.
  std::map<std::string, std::uint64_t> read;
  const auto manifest = engine::decode_manifest(
      run.file_system().disk().contents(std::string(kStoreDirectory) + "/" + engine::ManifestFile::kName));
  ASSERT_TRUE(manifest.is_ok());
  for (const engine::ManifestSegment& segment : manifest->segments) {
    if (segment.state != engine::SegmentState::kSealed) continue;
    read[std::string(kStoreDirectory) + "/" + engine::segment_name(id_of(segment))] = 0;
  }
  for (const SimCall& call : run.file_system().log()) {
    const bool reads = call.kind == SimCall::Kind::kRead || call.kind == SimCall::Kind::kCopy;
    if (call.number > calls_before && reads && read.contains(call.path)) read[call.path] += call.length;
  }
  EXPECT_GE(read.size(), 8U) << "too few segments to say anything";
  for (const auto& [path, bytes] : read) EXPECT_LE(bytes, sizeof(engine::SegmentHeader)) << path;
  EXPECT_EQ(run.check(), "");
  std::cout << value_bytes << " bytes of values, " << read.size()
            << " segments opened without reading one of them\n";
}

TEST(HintsTest, AreMadeAgainWhereTheyWereMissing) {
  Ended ended = end_of(test_seed(1) + 1);
  const std::vector<std::string> hints = hints_of(ended.disk);
  ASSERT_FALSE(hints.empty());
  SimDisk without = ended.disk;
  for (const std::string& path : hints) without.erase(path);
  ended.options.compaction_threshold = 0;  // so that all of the segments stay
  SimRun run(ended.options, std::move(without), ended.time_ms);
  ASSERT_EQ(run.open().message(), "");
  // Some belonged to segments that a compaction had replaced, and that were about to go.
  std::size_t made = 0;
  for (const std::string& path : hints) {
    const std::string segment = path.substr(0, path.size() - std::string_view(".hint").size()) + ".dat";
    if (!run.file_system().disk().exists(segment)) continue;
    EXPECT_TRUE(run.file_system().disk().exists(path)) << path;
    ++made;
  }
  EXPECT_GT(made, 0U);
}

}  // namespace
}  // namespace minikv::sim
