// One kind of work that the writer does of its own accord.
#pragma once

#include <cstdint>
#include <optional>

namespace minikv::engine {

// Thread safety: for the thread that acts as the writer; due_in_ms() also for one that is about to (see
// WriterQueue).
class MaintenanceTask {
 public:
  virtual ~MaintenanceTask() = default;
  // In how many milliseconds run_slice() should be called; 0: now; nothing: not before something was written.
  // The writer asks often, so that the answer must cost little.
  virtual std::optional<std::int64_t> due_in_ms() = 0;
  // Does a bounded piece of the work: well under a millisecond, a sync aside. Called when the task is due.
  // May throw std::bad_alloc; then the writer calls it again later.
  virtual void run_slice() = 0;
};

}  // namespace minikv::engine
