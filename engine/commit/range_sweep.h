// Takes the keys that a range delete covers out of the index.
//
// A range delete is in force as soon as it is published, whatever number of keys it covers: look-ups compare
// sequences with it. The sweep takes the entries out in slices, so that no request waits for a million of
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/commit/maintenance_task.h"
#include "engine/core/state.h"

namespace minikv::engine {

// Thread safety: as MaintenanceTask.
class RangeSweep final : public MaintenanceTask {
 public:
  explicit RangeSweep(SharedState& state) : state_(state) {}

  std::optional<std::int64_t> due_in_ms() override;
  // Takes out a bounded number of entries.
  void run_slice() override;
  // A group has been committed. In single-threaded mode there is one slice for each group, so that simulated
  // histories go on while a sweep is half done.
  void note_group() { rests_ = false; }

 private:
  std::size_t slice_keys() const;
  bool find_some();

  SharedState& state_;
  bool rests_ = false;
  std::uint64_t sweeping_ = 0;  // sequence of the range
  std::string reached_;         // the sweep has come to this key, included
  std::vector<std::string> found_;
};

}  // namespace minikv::engine
