// A reader brings what a task is going to read, and the writer executes the task when it is there.
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
