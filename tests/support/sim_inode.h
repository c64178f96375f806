// A simulated file: what a process sees of it, what a power cut would leave of it, and what is in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/sim_content.h"

namespace minikv::sim {

// What a power cut leaves of all that was not synced.
enum class CrashMode : std::uint8_t {
  kKeepAll,   // everything: as if the process had been killed and the machine had gone on
  kDropAll,   // nothing
  kTearLast,  // everything, but of the last change only a part
  kRandom,    // any of it
};

// The choices of one crash. The same mode and seed choose the same.
struct CrashPlan {
  CrashMode mode = CrashMode::kDropAll;
  std::mt19937_64 random;
  unsigned keep_per_mille = 500;  // kRandom: how likely a thing is to survive
  std::uint64_t last_change = 0;  // the number of the change that kTearLast tears

  bool keeps() { return random() % 1000 < keep_per_mille; }
  std::size_t choose_up_to(std::size_t most) { return random() % (most + 1); }
};

inline constexpr std::uint64_t kSectorBytes = 512;

// Writes are torn at sectors: each sector comes out of a crash as it was after some change since the last
// sync, or as it was at the sync. Sizes change in order, as in a journal: the size is one that the file had,
// or in the middle of an extension. Data that survived behind the size is lost; data that did not survive
// before it is what was there, or zeros.
//
// Thread safety: none.
class SimInode {
 public:
  const SimContent& live() const { return live_; }

  void write(std::uint64_t offset, std::string_view bytes, std::uint64_t change_number);
  void truncate(std::uint64_t size, std::uint64_t change_number);
  void sync();
  // A sync that failed: the kernel now takes the pages for clean, and no later sync writes them.
  void fail_sync() { failed_ = pending_.size(); }
  // What a failed sync left unwritten is seen no longer.
  void drop_cache();

  // Makes `content` what is there and durable.
  void reset(SimContent content);
  // The file after a power cut.
  SimContent after_crash(CrashPlan& plan) const;
  bool has_pending() const { return !pending_.empty(); }

 private:
  struct Change {
    std::uint64_t number = 0;
    std::uint64_t offset = 0;
    std::string bytes;  // empty: a truncation to size_after
    std::uint64_t size_before = 0;
    std::uint64_t size_after = 0;
    bool is_truncation() const { return bytes.empty(); }
  };
  using Changes = std::vector<std::shared_ptr<const Change>>;

  std::uint64_t choose_size(CrashPlan& plan, std::uint64_t& last_sized_change) const;
  static void apply(const Change& change, SimContent& content);

  SimContent live_;
  SimContent durable_;
  Changes pending_;         // since the last sync, in order
  std::size_t failed_ = 0;  // so many of them, from the first, met a sync that failed
};

}  // namespace minikv::sim
