// Values for tasks that are going to read them on the writer: brought into memory before the task is queued; or before it
// is executed, if they have changed and left memory again meanwhile.

#include "engine/store/engine.h"

namespace minikv::engine {
namespace {

// Where the value is that has to be had for `old`, if any has.
std::optional<ValueHandle> wanted(const Engine& engine, OldValue& old) {
  auto handle = engine.locate(old.key);
  if (!handle || !handle->is_readable() || handle->value_bytes() > old.max_bytes) return std::nullopt;
  if (old.value && old.version == HandleAccess::version(*handle)) return std::nullopt;
  old.version = HandleAccess::version(*handle);
  old.value.reset();
  return handle;
}

}  // namespace

bool Engine::try_load(std::span<OldValue> values) const {
  for (OldValue& old : values) {
    const auto handle = wanted(*this, old);
    if (!handle) continue;
    // What is warm now will still be in memory when the writer comes to it.
    if (HandleAccess::is_warm(*handle, old.key, state_->warm_pages)) continue;
    old.value = try_read(old.key, *handle);
    if (!old.value) return false;
  }
  return true;
}

void Engine::load(std::span<OldValue> values) const {
  for (OldValue& old : values) {
    if (const auto handle = wanted(*this, old)) old.value = read(old.key, *handle);
  }
}

// Whether the values that the task is going to ask for are in memory. If one is not, a reader brings it, and the task
// stays where it is: at the head of the next group.
bool Writer::has_old_values(WriteTask& task) {
  for (OldValue& old : task.old_values()) {
    const std::optional<ValueHandle> missing = group_.find_missing(old);
    if (!missing) continue;
    {
      MutexLock lock(mutex_);
      fetching_ = true;
    }
    readers_.run([this, &old, handle = *missing] {
      old.value = HandleAccess::read_from_disk(handle, old.key, state_.warm_pages);
      MutexLock lock(mutex_);
      fetching_ = false;
      wake_.notify_one();
    });
    return false;
  }
  return true;
}

}  // namespace minikv::engine
