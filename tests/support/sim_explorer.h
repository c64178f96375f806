// Opens a store on everything that crashes may have left of it, and counts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/support/sim_run.h"

namespace minikv::sim {

// Thread safety: none.
class Explorer {
 public:
  // What a store may hold after a crash.
  using Allowed = std::function<History::Possible(const CrashPoint&, CrashMode)>;

  // Without `allowed`: all that was acknowledged, and what was in doubt or not.
  explicit Explorer(Options options, Allowed allowed = {});

  // Of each crash point: everything kept, nothing kept, the last change torn `tears` times, and `random`
  // subsets. On each state the store is opened, read, written to; a state that was there before, with the
  // same history, is skipped. With `depth` 2 every call of each `stride`-th such opening is a crash point
  // again.
  struct Plan {
    std::uint64_t tears = 2;
    std::uint64_t random = 4;
    std::uint64_t seed = 1;
    std::uint64_t depth = 1;
    std::uint64_t stride = 1;
  };
  void explore(const std::vector<CrashPoint>& points, const Plan& plan);
  void explore_one(const CrashPoint& point, CrashMode mode, std::uint64_t seed, const Plan& plan);

  std::uint64_t states() const { return states_; }                        // that were opened
  std::uint64_t duplicates() const { return duplicates_; }                // that were not, having been before
  const std::vector<std::string>& failures() const { return failures_; }  // the first few
  // For the test's output.
  std::string summary() const;

 private:
  std::uint64_t fingerprint_of(const std::shared_ptr<const Contents>& contents);
  std::string examine(const CrashPoint& point, CrashMode mode, SimDisk disk, std::vector<CrashPoint>* deeper);

  Options options_;
  Allowed allowed_;
  std::unordered_set<std::uint64_t> seen_;
  std::unordered_map<std::shared_ptr<const Contents>, std::uint64_t> fingerprints_;
  std::uint64_t states_ = 0;
  std::uint64_t duplicates_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace minikv::sim
