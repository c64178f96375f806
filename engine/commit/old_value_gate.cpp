// A reader reads the old values of a task, and the writer executes the task when they are in memory.
#include "engine/commit/old_value_gate.h"

#include <new>
#include <optional>

namespace minikv::engine {

bool OldValueGate::has_all(WriteTask& task, Group& group) {
  for (OldValue& old : task.old_values()) {
    const std::optional<ValueHandle> missing = group.find_missing(old);
    if (!missing) continue;
    queue_.begin_reading();
    try {
      loader_.load_on_reader(old, *missing, [this] { queue_.end_reading(); });
    } catch (const std::bad_alloc&) {
      queue_.end_reading();
      throw;
    }
    return false;
  }
  return true;
}

}  // namespace minikv::engine
