// The log cut short anywhere: exactly the writes before the cut.
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/format/manifest.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

// The disk as a version leaves it that does not know of lengths: it has any of them, in the middle of a seal.
SimDisk without_lengths(SimDisk disk) {
  auto manifest = engine::decode_manifest(disk.contents("data/MANIFEST"));
  EXPECT_TRUE(manifest.is_ok());
  if (!manifest.is_ok()) return disk;
  manifest->incompat_features = 0;
  for (const std::uint64_t offset : {std::uint64_t{0}, disk.size("data/MANIFEST") / 2})
    disk.overwrite("data/MANIFEST", offset, engine::encode_manifest(*manifest));
  return disk;
}

TEST(TruncationTest, OfTheActiveSegmentAtEveryByteLeavesExactlyThePrefixBeforeIt) {
  Options options = sim_options();
  options.segment_size = 8192;
  SimRun run(options);
  ASSERT_TRUE(run.open().is_ok());
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(run.write({{fmt::format("old{}", i % 6), std::string(600, 'o')}}).is_ok());
  ASSERT_TRUE(run.close().is_ok());
  ASSERT_TRUE(run.open().is_ok());

  std::vector<std::pair<std::uint64_t, Contents>> states;  // where each write ends, and what there is then
  std::string active;
  const auto write = [&](const ModelBatch& batch) {
    const std::uint64_t before = run.file_system().calls();
    ASSERT_TRUE(run.write(batch).is_ok());
    for (const SimCall& call : run.file_system().log()) {
      if (call.number <= before || call.kind != SimCall::Kind::kWrite) continue;
      active = call.path;
      states.emplace_back(call.offset + call.length, run.history().contents());
    }
  };
  const Contents at_first = run.history().contents();
  for (int i = 0; i < 8; ++i) {
    write({{fmt::format("k{}", i % 5), std::string(static_cast<std::size_t>(i) * 37, 'v')},
           {"old1", std::nullopt}});
    write({{"old2", fmt::format("{}", i)}, {fmt::format("k{}", (i + 2) % 5), std::nullopt}});
  }
  ASSERT_EQ(states.size(), 16U);
  run.kill();

  const std::uint64_t size = run.file_system().disk().size(active);
  const SimDisk earlier = without_lengths(run.file_system().disk());
  for (std::uint64_t cut = 0; cut <= size; ++cut) {
    SimDisk disk = earlier;
    disk.cut(active, cut);
    const Contents* expected = &at_first;
    for (const auto& [end, contents] : states) {
      if (end <= cut) expected = &contents;
    }
    SimRun again(options, std::move(disk));
    ASSERT_EQ(again.open().message(), "") << "cut to " << cut;
    const auto seen = read_all(*again.store(), run.history().keys());
    ASSERT_TRUE(seen.is_ok()) << "cut to " << cut << ": " << seen.status().message();
    ASSERT_EQ(difference(*expected, *seen, 0), "") << "cut to " << cut;
  }
  std::cout << size + 1 << " lengths of the active segment\n";
}

}  // namespace
}  // namespace minikv::sim
