// A machine whose store is opened with consent to a loss, and what is known of what it has accepted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/format/layout.h"
#include "tests/engine/tools_store.h"

namespace minikv::sim {

inline constexpr std::uint64_t kFirstFrame = sizeof(engine::SegmentHeader);
inline constexpr std::uint64_t kFirstRecord = kFirstFrame + sizeof(engine::FrameHeader);

using Answers = std::map<std::string, std::string>;  // by key: the value, or why there is none

// A machine with a store on it.
class AcceptingMachine {
 public:
  explicit AcceptingMachine(SimDisk disk) : files_(std::make_unique<SimFileSystem>(std::move(disk))) {}

  Status open(bool accepts, bool records_snapshots = false);
  // The process dies.
  void kill() { crash(CrashMode::kKeepAll); }
  void crash(CrashMode mode);
  SimDisk disk() const { return files_->disk(); }
  SimFileSystem& files() { return *files_; }

  Answers answers(const std::set<std::string>& keys) const;

  std::vector<std::string> log;  // since open()

 private:
  SimClock clock_;
  std::unique_ptr<SimFileSystem> files_;

 public:
  std::unique_ptr<Store> store;
};

Answers answers_of(const Repaired& repaired, const std::set<std::string>& keys);

// Sealed segments of which the manifest says that a loss was accepted.
std::uint64_t accepted_segments(const SimDisk& disk);

}  // namespace minikv::sim
