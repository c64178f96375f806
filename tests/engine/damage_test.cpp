// Damage is found, named, and never papered over: the right value or an explicit error, for every key.
#include <algorithm>
#include <functional>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

using ::testing::IsEmpty;

bool is_explicit(StatusCode code) {
  return code == StatusCode::kCorruption || code == StatusCode::kIoError || code == StatusCode::kRefused;
}

// A store of a few segments, compacted and log, with overwritten and deleted keys in all of them.
struct SmallStore {
  SimDisk disk;
  Contents contents;
  std::set<std::string> keys;
  std::vector<Contents> before;  // of a killed store: before the last write, before that, ...
};

SmallStore small_store(bool closed) {
  Options options = sim_options();
  options.segment_size = 2048;
  SimRun run(options);
  EXPECT_TRUE(run.open().is_ok());
  const auto write = [&](const ModelBatch& batch) { EXPECT_EQ(run.write(batch).message(), ""); };
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5; ++i) {
      write({{fmt::format("key{}", i), std::string(200, static_cast<char>('a' + i + round))}});
    }
    write({{"deleted", "once here"}, {"small", fmt::format("round {}", round)}});
    if (round == 0) {
      EXPECT_TRUE(run.compact().is_ok());
    }
  }
  write({{"deleted", std::nullopt}, {"key2", std::nullopt}});
  EXPECT_EQ(run.close().message(), "");
  EXPECT_TRUE(run.open().is_ok());
  SmallStore store;
  const auto write_last = [&](const ModelBatch& batch) {
    store.before.insert(store.before.begin(), run.history().contents());
    write(batch);
  };
  write_last({{"key3", std::string(300, '3')}});
  write_last({{"key4", std::nullopt}});
  write_last({{"", "of the empty key"}, {"empty", ""}});
  write_last({{"key0", "newest"}, {"small", std::nullopt}});
  if (closed) {
    EXPECT_EQ(run.close().message(), "");
    store.before.clear();
  } else {
    run.kill();
  }
  store.disk = run.file_system().disk().after_crash(CrashMode::kDropAll);
  store.contents = run.history().contents();
  store.keys = run.history().keys();
  return store;
}

// What became of damaged stores.
struct Tally {
  std::uint64_t states = 0, unharmed = 0, refused = 0, named = 0, cut = 0;
  std::vector<std::string> failures;

  void report(const char* what) const {
    std::cout << what << ": " << states << " damaged stores: " << refused << " refused, " << named
              << " with keys that answer an error, " << cut << " cut, " << unharmed << " unharmed\n";
    EXPECT_THAT(failures, IsEmpty());
  }
};

// Every key is right or an error. Counts the errors.
std::string check_keys(const Store& store, const SmallStore& truth, const Contents& contents,
                       std::set<std::string>& lost) {
  for (const std::string& key : truth.keys) {
    const auto value = store.get(key);
    const auto right = contents.find(key);
    if (value) {
      if (right == contents.end()) return fmt::format("'{}' is back from the dead", key);
      if (value->data != right->second.value)
        return fmt::format("'{}' has the value '{}'", key, value->data.substr(0, 30));
    } else if (value.code() == StatusCode::kNotFound) {
      if (right != contents.end()) return fmt::format("'{}' is missing, without an error", key);
    } else if (is_explicit(value.code())) {
      lost.insert(key);
      if (!store.exists(key)) return fmt::format("'{}' is lost and does not exist", key);
    } else {
      return fmt::format("'{}': {}", key, value.status().message());
    }
  }
  std::set<std::string> scanned;
  ScanOptions options;
  for (const ScanItem& item : store.scan(options).items) {
    scanned.insert(item.key);
    const auto right = contents.find(item.key);
    if (item.status && (right == contents.end() || right->second.value != item.value.data)) {
      return fmt::format("scan gives a wrong value for '{}'", item.key);
    }
    if (!item.status && !lost.contains(item.key))
      return fmt::format("scan, but not get, fails on '{}'", item.key);
  }
  for (const auto& [key, value] : contents) {
    if (!scanned.contains(key)) return fmt::format("scan does not know '{}'", key);
  }
  return {};
}

// Heals what is lost, and looks whether it stays healed.
std::string heal(SimRun& run, const SmallStore& truth, Contents contents, const std::set<std::string>& lost) {
  std::set<std::string> still;
  // A lost key stays lost over a restart and a compaction.
  if (const Status closed = run.close(); !closed) return "close: " + closed.message();
  if (const Status opened = run.open(); !opened) return "open again: " + opened.message();
  if (std::string problem = check_keys(*run.store(), truth, contents, still); !problem.empty()) {
    return "after a restart " + problem;
  }
  if (still != lost) return "other keys are lost after a restart";
  (void)run.compact();
  still.clear();
  if (std::string problem = check_keys(*run.store(), truth, contents, still); !problem.empty()) {
    return "after compaction " + problem;
  }
  if (still != lost) return "other keys are lost after compaction";
  bool by_deletion = false;
  for (const std::string& key : lost) {
    by_deletion = !by_deletion;
    const ModelBatch batch = {{key, by_deletion ? std::nullopt : std::optional<std::string>("healed")}};
    if (const Status written = run.write(batch); !written) return "write: " + written.message();
    apply(batch, 0, contents);
  }
  for (const char* when : {"after healing ", "after healing and a restart "}) {
    still.clear();
    if (std::string problem = check_keys(*run.store(), truth, contents, still); !problem.empty())
      return when + problem;
    if (!still.empty()) return when + fmt::format("'{}' is lost", *still.begin());
    if (const Status closed = run.close(); !closed) return "close: " + closed.message();
    if (const Status opened = run.open(); !opened) return "open: " + opened.message();
  }
  return run.store()->stats().lost_keys == 0 ? "" : "keys count as lost after they were healed";
}

// Of the last writes of a killed store, `unprotected` at most may be missing: those that no watermark outside
// the damage covers. They can't be told from what a crash tears.
void examine(const SmallStore& truth, SimDisk disk, std::size_t unprotected, const std::string& what,
             Tally& tally) {
  if (tally.failures.size() >= 5) return;
  ++tally.states;
  const auto failed = [&](const std::string& problem) { tally.failures.push_back(what + ": " + problem); };
  const std::uint64_t before = disk.fingerprint();
  Options options = sim_options();
  options.segment_size = 2048;
  SimRun run(options, std::move(disk));
  if (const Status opened = run.open(); !opened) {
    ++tally.refused;
    if (!is_explicit(opened.code())) failed("refused with the wrong code: " + opened.message());
    if (run.file_system().disk().fingerprint() != before) failed("refused, but changed: " + opened.message());
    return;
  }
  const bool was_cut = run.store()->stats().cut_bytes > 0;
  if (was_cut) ++tally.cut;
  std::set<std::string> lost;
  const Contents* contents = &truth.contents;
  std::string problem = check_keys(*run.store(), truth, *contents, lost);
  for (std::size_t i = 0; !problem.empty() && i < std::min(unprotected, truth.before.size()); ++i) {
    std::set<std::string> lost_then;
    if (!check_keys(*run.store(), truth, truth.before[i], lost_then).empty()) continue;
    contents = &truth.before[i];
    lost = lost_then;
    problem.clear();
  }
  if (!problem.empty()) return failed(problem);
  if (lost.empty()) {
    if (!was_cut) ++tally.unharmed;
    return;
  }
  ++tally.named;
  if (problem = heal(run, truth, *contents, lost); !problem.empty()) failed(problem);
}

std::vector<unsigned> bits_at(std::uint64_t offset) {
  if (scaled_rounds(8) >= 64) return {0, 1, 2, 3, 4, 5, 6, 7};
  return {static_cast<unsigned>(offset * 5 + 3) % 8};
}

class DamageTest : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr std::size_t kAll = 100;

  DamageTest() : store_(small_store(GetParam())) {}

  void for_each_file(const std::function<void(const std::string&, std::uint64_t)>& body) const {
    for (const std::string& path : store_.disk.files()) body(path, store_.disk.size(path));
  }

  SmallStore store_;
  Tally tally_;
};

INSTANTIATE_TEST_SUITE_P(Stores, DamageTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "Closed" : "Killed"; });

TEST_P(DamageTest, OfNothingIsNoDamage) {
  examine(store_, store_.disk, 0, "as it is", tally_);
  EXPECT_EQ(tally_.unharmed, 1U);
  EXPECT_THAT(tally_.failures, IsEmpty());
  EXPECT_GE(store_.disk.files().size(), 4U);
}

TEST_P(DamageTest, AFlippedBitAnywhereIsTheRightValueOrAnError) {
  const std::uint64_t stride = 8 / scaled_rounds(8);
  for_each_file([&](const std::string& path, std::uint64_t size) {
    for (std::uint64_t offset = 0; offset < size; offset += std::max<std::uint64_t>(stride, 1)) {
      if (path.ends_with("MANIFEST") && offset % 65536 >= 512 && offset % 1024 != 0)
        continue;  // but for zeros
      for (const unsigned bit : bits_at(offset)) {
        SimDisk disk = store_.disk;
        disk.flip_bit(path, offset, bit);
        examine(store_, std::move(disk), 1, fmt::format("{} bit {} of byte {}", path, bit, offset), tally_);
      }
    }
  });
  EXPECT_GT(tally_.named, 0U);
  tally_.report("flipped bits");
}

TEST_P(DamageTest, ALostSectorIsTheRightValueOrAnError) {
  for_each_file([&](const std::string& path, std::uint64_t size) {
    for (std::uint64_t offset = 0; offset < size; offset += kSectorBytes) {
      SimDisk disk = store_.disk;
      const std::string zeros(std::min(kSectorBytes, size - offset), '\0');
      disk.overwrite(path, offset, zeros);
      examine(store_, std::move(disk), kAll, fmt::format("{} zeros at {}", path, offset), tally_);
    }
  });
  tally_.report("sectors of zeros");
}

TEST_P(DamageTest, AMisplacedSectorIsTheRightValueOrAnError) {
  for_each_file([&](const std::string& from, std::uint64_t from_size) {
    for_each_file([&](const std::string& to, std::uint64_t to_size) {
      if (from.ends_with("MANIFEST") || to.ends_with("MANIFEST")) return;
      for (std::uint64_t source = 0; source + kSectorBytes <= from_size; source += kSectorBytes) {
        for (std::uint64_t target = 0; target + kSectorBytes <= to_size; target += kSectorBytes) {
          SimDisk disk = store_.disk;
          disk.overwrite(to, target, disk.contents(from).substr(source, kSectorBytes));
          examine(store_, std::move(disk), kAll,
                  fmt::format("{} at {} in place of {} at {}", from, source, to, target), tally_);
        }
      }
    });
  });
  tally_.report("misplaced sectors");
}

TEST_P(DamageTest, AMissingOrShortFileIsTheRightValueOrAnError) {
  for_each_file([&](const std::string& path, std::uint64_t size) {
    if (path.ends_with("LOCK")) return;
    SimDisk disk = store_.disk;
    disk.erase(path);
    examine(store_, std::move(disk), 0, path + " is missing", tally_);
    for (std::uint64_t cut = 0; cut < size; cut += path.ends_with("MANIFEST") ? 4099U : 7U) {
      disk = store_.disk;
      disk.cut(path, cut);
      examine(store_, std::move(disk), 0, fmt::format("{} cut to {}", path, cut), tally_);
    }
  });
  tally_.report("missing and short files");
}

TEST(DamageUnderARunningStoreTest, NeverShowsAWrongValueNorSpreads) {
  Options options = sim_options();
  options.segment_size = 2048;
  const SmallStore truth = small_store(true);
  std::uint64_t flips = 0, errors = 0;
  for (const std::string& path : truth.disk.files()) {
    if (!path.ends_with(".dat")) continue;
    const std::uint64_t stride = 8 / scaled_rounds(8);
    for (std::uint64_t offset = 0; offset < truth.disk.size(path);
         offset += std::max<std::uint64_t>(stride, 1)) {
      SimRun run(options, truth.disk);
      ASSERT_TRUE(run.open().is_ok());
      const unsigned bit = static_cast<unsigned>(offset) % 8;
      run.file_system().damage([&](SimDisk& disk) { disk.flip_bit(path, offset, bit); });
      ++flips;
      std::set<std::string> lost;
      const std::string what = fmt::format("{} bit {} of byte {}", path, bit, offset);
      ASSERT_EQ(check_keys(*run.store(), truth, truth.contents, lost), "") << what;
      if (!lost.empty()) ++errors;
      (void)run.compact();
      std::set<std::string> lost_then;
      ASSERT_EQ(check_keys(*run.store(), truth, truth.contents, lost_then), "") << what << ", compacted";
      ASSERT_EQ(lost, lost_then) << what << ", compacted";
      (void)run.close();
      if (const Status opened = run.open(); !opened) {
        ASSERT_TRUE(is_explicit(opened.code())) << what << ": " << opened.message();
        continue;
      }
      lost_then.clear();
      ASSERT_EQ(check_keys(*run.store(), truth, truth.contents, lost_then), "")
          << what << ", compacted, reopened";
    }
  }
  EXPECT_GT(errors, 0U);
  std::cout << flips << " bits flipped under a running store, " << errors << " made keys answer an error\n";
}

}  // namespace
}  // namespace minikv::sim
