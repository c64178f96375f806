// Random histories: everything a store can be asked and everything that can happen to it, in any order, from
// a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/sim_run.h"

namespace minikv::sim {

// Makes up steps and carries them out, and compares the store with the model on the way.
//
// Thread safety: none.
class RandomHistory {
 public:
  struct Plan {
    std::uint64_t seed = 1;
    int steps = 120;
    bool crashes = true;    // kills and power cuts are among the steps
    bool small = false;     // few keys and small values, so that a disk is cheap to explore
    bool all_modes = true;  // of fsync; else always
    // Segments of several pages and large values, always synced: files of compacted segments are recycled.
    bool recycles = false;
  };
  explicit RandomHistory(const Plan& plan);

  // What went wrong, or nothing. After `steps` steps, or the first that is wrong.
  std::string run();

  SimRun& store() { return run_; }
  const Options& options() const { return options_; }
  // Changes, look-ups, scans, compactions and restarts so far.
  std::uint64_t operations() const { return operations_; }

 private:
  Options random_options();
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }
  std::string random_key();
  std::string random_value();
  std::int64_t random_expiry();
  ModelBatch random_batch();
  void add_range_delete(ModelBatch& batch);

  std::string step();
  std::string write();
  std::string wait();
  std::string compact();
  std::string verify();
  std::string reopen();
  std::string kill();
  std::string cut_power();
  std::string scan();
  std::string open();

  Plan plan_;
  std::mt19937_64 random_;
  Options options_;
  SimRun run_;
  std::string what_ = "open";
  std::uint64_t operations_ = 0;
};

}  // namespace minikv::sim
