// Random histories against std::map: everything a store can be asked and everything that can happen to it, in any order.
// A failure names its seed; MINIKV_TEST_SEED repeats it, MINIKV_TEST_ROUNDS lengthens the search.
#include <algorithm>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "minikv/transaction.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {
namespace {

constexpr int kStepsPerHistory = 120;

class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed) : random_(seed), options_(random_options()), run_(options_) {}

  // What went wrong, or nothing.
  std::string run() {
    if (const Status opened = run_.open(); !opened) return "first open: " + opened.message();
    for (step_ = 0; step_ < kStepsPerHistory; ++step_) {
      std::string problem = step();
      if (problem.empty() && chance(5)) problem = run_.check();
      if (!problem.empty()) return fmt::format("step {} ({}): {}", step_, what_, problem);
    }
    what_ = "the end";
    return run_.check();
  }

 private:
  Options random_options() {
    Options options = sim_options();
    options.segment_size = std::uint64_t{1024} << below(4);
    const Fsync modes[] = {Fsync::kAlways, Fsync::kAlways, Fsync::kInterval, Fsync::kNever};
    options.fsync = modes[below(4)];
    return options;
  }

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }
  std::string random_key() {
    if (chance(20)) return "";
    return std::string(1 + below(2), static_cast<char>('a' + below(3))) + std::to_string(below(8));
  }
  std::string random_value() {
    const std::size_t sizes[] = {0, 5, 40, 300, 511, 1200, 6000};
    return std::string(sizes[below(chance(4) ? 7 : 4)], static_cast<char>('A' + below(26)));
  }

  std::string step() {
    switch (below(24)) {
      case 0: return compact();
      case 1: return reopen();
      case 2: return kill();
      case 3: return cut_power();
      case 4: return scan();
      case 5: return wait();
      default: return write();
    }
  }

  std::string write() {
    ModelBatch batch;
    const std::size_t count = chance(4) ? 1 + below(6) : 1;
    for (std::size_t i = 0; i < count; ++i) {
      batch.push_back({random_key(), chance(4) ? std::nullopt : std::optional<std::string>(random_value())});
    }
    what_ = fmt::format("write of {}", count);
    const std::uint64_t before = run_.last_version();
    const bool puts =
        std::any_of(batch.begin(), batch.end(), [](const auto& change) { return change.value.has_value(); });
    if (const Status status = run_.write(batch); !status) return status.message();
    if (puts && run_.last_version() <= before) return "a version that was given before";
    for (const ModelChange& change : batch) {
      const auto seen = run_.store()->get(change.key);
      const auto expected = run_.history().contents().find(change.key);
      const bool is_there = expected != run_.history().contents().end();
      if (seen.is_ok() != is_there || (is_there && seen->data != expected->second))
        return "not read back: " + change.key;
    }
    return {};
  }

  std::string wait() {
    what_ = "time goes by";
    run_.clock().advance_ms(static_cast<std::int64_t>(below(1500)));
    return {};
  }

  std::string compact() {
    what_ = "compact";
    if (const Status status = run_.compact(); !status) return status.message();
    return run_.check();
  }

  std::string reopen() {
    what_ = "close and open";
    if (const Status closed = run_.close(); !closed) return "close: " + closed.message();
    if (const Status opened = run_.open(); !opened) return "open: " + opened.message();
    return run_.check();
  }

  std::string kill() {
    what_ = "kill";
    run_.kill();
    if (const Status opened = run_.open(); !opened) return "open: " + opened.message();
    return run_.check();
  }

  std::string cut_power() {
    const CrashMode modes[] = {CrashMode::kDropAll, CrashMode::kRandom, CrashMode::kTearLast};
    const CrashMode mode = modes[below(3)];
    what_ = fmt::format("power cut, mode {}", static_cast<int>(mode));
    run_.cut_power(mode, random_());
    if (const Status opened = run_.open(); !opened) return "open: " + opened.message();
    return run_.settle(options_.fsync == Fsync::kAlways ? run_.history().allowed()
                                                        : run_.history().allowed_prefixes(0));
  }

  std::string scan() {
    what_ = "scan";
    ScanOptions options;
    options.from = chance(2) ? "" : random_key();
    if (chance(2)) options.to = random_key();
    if (chance(3)) options.prefix = random_key().substr(0, 1);
    options.reverse = chance(2);
    options.limit = 1 + below(10);
    std::vector<std::string> expected;
    for (const auto& [key, value] : run_.history().contents()) {
      if (key >= options.from && (!options.to || key < *options.to) && key.starts_with(options.prefix)) {
        expected.push_back(key);
      }
    }
    if (options.reverse) std::reverse(expected.begin(), expected.end());
    const bool more = expected.size() > options.limit;
    expected.resize(std::min(expected.size(), options.limit));
    const ScanPage page = run_.store()->scan(options);
    std::vector<std::string> seen;
    for (const ScanItem& item : page.items) seen.push_back(item.key);
    if (seen != expected) return "other keys";
    return page.more == more || expected.size() < options.limit ? "" : "says wrongly whether there are more";
  }

  std::mt19937_64 random_;
  Options options_;
  SimRun run_;
  int step_ = 0;
  std::string what_ = "open";
};

TEST(Model, RandomHistoriesAreThoseOfAMap) {
  const std::uint64_t first = test_seed(1);
  const std::uint64_t rounds = scaled_rounds(400);
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    ASSERT_EQ(RandomHistory(seed).run(), "") << "MINIKV_TEST_SEED=" << seed << " MINIKV_TEST_ROUNDS=1";
  }
  std::cout << rounds << " random histories of " << kStepsPerHistory << " steps, seeds from " << first
            << " on\n";
}

}  // namespace
}  // namespace minikv::sim
