// Values for tasks that are going to read them on the writer, brought into memory before the task is queued.
// If they have changed and left memory again by then, OldValueLoader brings them before the task is executed.

#include <utility>

#include "engine/commit/old_value_loader.h"
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

}  // namespace minikv::engine
