// Values for tasks that are going to read them on the writer: brought into memory before the task is queued; or before it
// is executed, if they have changed and left memory again meanwhile.

#include <functional>
#include <new>
#include <utility>

#include "engine/base/out_of_memory.h"
#include "engine/store/engine.h"

namespace minikv::engine {
namespace {

// Where the value is that has to be had for `old`, if any has.
std::optional<ValueHandle> wanted(const Engine& engine, OldValue& old) {
  auto handle = engine.locate(old.key);
  if (!handle || !handle->is_readable() || handle->value_bytes() > old.max_bytes) return std::nullopt;
  if (old.value && old.version == handle->version()) return std::nullopt;
  old.version = handle->version();
  old.value.reset();
  return handle;
}

template <typename Read>
Result<Value> read_or_say_why(Read read) noexcept {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return out_of_memory("reading a value");
  }
}

}  // namespace

bool Engine::try_load(std::span<OldValue> values) const {
  for (OldValue& old : values) {
    const auto handle = wanted(*this, old);
    if (!handle) continue;
    // To copy and check a large one takes long, be it in memory or not.
    if (handle->value_bytes() > Store::kMaxValueAtOnceBytes) return false;
    // What is warm now will still be in memory when the writer comes to it.
    if (HandleAccess::is_warm(*handle, old.key, state_->warm_pages)) continue;
    old.value = try_read(old.key, *handle);
    if (!old.value) return false;
  }
  return true;
}

void Engine::load(std::span<OldValue> values) const {
  for (OldValue& old : values) {
    const auto handle = wanted(*this, old);
    if (!handle) continue;
    const std::size_t room = HandleAccess::room_bytes(old, handle->value_bytes(), options());
    old.value = read_or_say_why([&] { return read(old.key, *handle, room); });
  }
}

void Writer::set_fetching(bool fetching) {
  MutexLock lock(mutex_);
  fetching_ = fetching;
  if (!fetching) wake_.notify_one();
}

// Whether the values that the task is going to ask for are in memory. If one is not, a reader brings it, and the task
// stays where it is: at the head of the next group.
bool Writer::has_old_values(WriteTask& task) {
  for (OldValue& old : task.old_values()) {
    const std::optional<ValueHandle> missing = group_.find_missing(old);
    if (!missing) continue;
    std::function<void()> bring = [this, &old, handle = *missing] {
      const std::size_t room = HandleAccess::room_bytes(old, handle.value_bytes(), state_.options);
      old.value = read_or_say_why(
          [&] { return HandleAccess::read_from_disk(handle, old.key, state_.warm_pages, room); });
      set_fetching(false);
    };
    set_fetching(true);
    try {
      readers_.run(std::move(bring));
    } catch (const std::bad_alloc&) {
      set_fetching(false);
      throw;
    }
    return false;
  }
  return true;
}

}  // namespace minikv::engine
