// A reader brings what a task is going to read, and the writer executes the task when it is there.
#include "engine/commit/old_value_loader.h"

#include <functional>
#include <optional>
#include <utility>

namespace minikv::engine {

bool OldValueLoader::has_all(WriteTask& task, Group& group) {
  for (OldValue& old : task.old_values()) {
    const std::optional<ValueHandle> missing = group.find_missing(old);
    if (!missing) continue;
    std::function<void()> bring = [this, &old, handle = *missing] {
      const std::size_t room = HandleAccess::room_bytes(old, handle.value_bytes(), options_);
      old.value =
          read_or_say_why([&] { return HandleAccess::read_from_disk(handle, old.key, warm_pages_, room); });
      queue_.end_reading();
    };
    queue_.begin_reading();
    try {
      readers_.run(std::move(bring));
    } catch (const std::bad_alloc&) {
      queue_.end_reading();
      throw;
    }
    return false;
  }
  return true;
}

}  // namespace minikv::engine
