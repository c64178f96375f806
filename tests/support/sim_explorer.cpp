// Goes through crash points and modes, and leaves out disks that were examined before.
#include "tests/support/sim_explorer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace minikv::sim {
namespace {

constexpr std::size_t kFailuresKept = 5;

const char* name_of(CrashMode mode) {
  switch (mode) {
    case CrashMode::kKeepAll: return "keep all";
    case CrashMode::kDropAll: return "drop all";
    case CrashMode::kTearLast: return "tear the last";
    case CrashMode::kRandom: return "random";
  }
  return "?";
}

}  // namespace

Explorer::Explorer(Options options, Allowed allowed)
    : options_(std::move(options)), allowed_(std::move(allowed)) {
  if (!allowed_) allowed_ = [](const CrashPoint& point, CrashMode) { return point.history.allowed(); };
}

void Explorer::explore(const std::vector<CrashPoint>& points, const Plan& plan) {
  for (const CrashPoint& point : points) {
    explore_one(point, CrashMode::kKeepAll, 0, plan);
    explore_one(point, CrashMode::kDropAll, 0, plan);
    for (std::uint64_t i = 0; i < plan.tears; ++i)
      explore_one(point, CrashMode::kTearLast, plan.seed + i, plan);
    for (std::uint64_t i = 0; i < plan.random; ++i)
      explore_one(point, CrashMode::kRandom, plan.seed + i, plan);
  }
}

void Explorer::explore_one(const CrashPoint& point, CrashMode mode, std::uint64_t seed, const Plan& plan) {
  if (failures_.size() >= kFailuresKept) return;
  SimDisk disk = point.disk.after_crash(mode, seed);
  // The same disk is another state if more had been acknowledged.
  std::uint64_t state = disk.fingerprint();
  for (const auto& contents : allowed_(point, mode)) state = state * 31 + fingerprint_of(contents);
  if (!seen_.insert(state).second) {
    ++duplicates_;
    return;
  }
  ++states_;
  const bool goes_deeper = plan.depth > 1 && states_ % plan.stride == 0;
  std::vector<CrashPoint> deeper;
  const std::string problem = examine(point, mode, std::move(disk), goes_deeper ? &deeper : nullptr);
  if (!problem.empty()) {
    failures_.push_back(
        fmt::format("crash at {}; {}, seed {}: {}", point.where, name_of(mode), seed, problem));
    return;
  }
  if (!goes_deeper) return;
  Plan below = plan;
  below.depth = plan.depth - 1;
  for (CrashPoint& again : deeper)
    again.where += fmt::format(" after {} ({}, seed {})", point.where, name_of(mode), seed);
  explore(deeper, below);
}

// Histories share their contents, so that each of them is looked through once.
std::uint64_t Explorer::fingerprint_of(const std::shared_ptr<const Contents>& contents) {
  const auto [known, is_new] = fingerprints_.try_emplace(contents, 7);
  if (!is_new) return known->second;
  for (const auto& [key, item] : *contents) {
    known->second = known->second * 31 + std::hash<std::string>()(key + '\0' + item.value);
    known->second = known->second * 31 + item.version;
    known->second = known->second * 31 + static_cast<std::uint64_t>(item.expiry_ms);
  }
  return known->second;
}

std::string Explorer::examine(const CrashPoint& point, CrashMode mode, SimDisk disk,
                              std::vector<CrashPoint>* deeper) {
  SimRun run(options_, std::move(disk), point.time_ms);
  run.history() = point.history;
  if (deeper != nullptr) run.note_crash_points();
  if (const Status opened = run.open(); !opened) return "open: " + opened.message();
  if (deeper != nullptr) *deeper = run.take_crash_points();
  for (std::size_t i = 0; deeper != nullptr && i < deeper->size(); ++i)
    (*deeper)[i].after_power_cut = point.after_power_cut || mode != CrashMode::kKeepAll;
  if (std::string problem = run.settle(allowed_(point, mode)); !problem.empty()) return problem;
  if (run.store()->stats().lost_keys != 0) return "keys count as lost";

  // It goes on as a store does: with new versions, and with what it held.
  if (const Status written = run.write({{"after the crash", "x"}}); !written)
    return "write: " + written.message();
  if (run.last_version() <= point.last_version) {
    return fmt::format("version {} was given before; {} too", run.last_version(), point.last_version);
  }
  if (const auto value = run.store()->get("after the crash"); !value || value->data != "x")
    return "write, then get";
  if (deeper != nullptr) std::ranges::move(run.take_crash_points(), std::back_inserter(*deeper));
  if (const Status closed = run.close(); !closed) return "close: " + closed.message();
  if (const Status opened = run.open(); !opened) return "open again: " + opened.message();
  if (std::string problem = run.check(); !problem.empty()) return "opened again: " + problem;
  return {};
}

std::string Explorer::summary() const {
  return fmt::format("{} states of the disk explored, {} more were repetitions", states_, duplicates_);
}

}  // namespace minikv::sim
