// Reads the values that tasks have announced, on the thread that asks or on a reader.
#include "engine/core/old_value_loader.h"

#include <new>
#include <utility>

#include "engine/base/out_of_memory.h"
#include "minikv/store.h"

namespace minikv::engine {
namespace {

template <typename Read>
Result<Value> read_or_say_why(Read read) noexcept {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return out_of_memory("reading a value");
  }
}

}  // namespace

// The handle of the value that has to be read for `old`; nothing: none has to be.
std::optional<ValueHandle> OldValueLoader::find_wanted(OldValue& old) const {
  auto handle = keys_.locate(old.key);
  if (!handle || !handle->is_readable() || handle->value_bytes() > old.max_bytes) return std::nullopt;
  if (old.value && old.version == handle->version()) return std::nullopt;
  old.version = handle->version();
  old.value.reset();
  return handle;
}

bool OldValueLoader::try_load(std::span<OldValue> values) const {
  for (OldValue& old : values) {
    const auto handle = find_wanted(old);
    if (!handle) continue;
    // Copying and checking a large value takes long, even if it is in memory.
    if (handle->value_bytes() > Store::kMaxValueAtOnceBytes) return false;
    // A resident value will still be in memory when the writer comes to it.
    if (HandleAccess::is_resident(*handle, old.key, resident_)) continue;
    old.value = values_.try_read(old.key, *handle);
    if (!old.value) return false;
  }
  return true;
}

void OldValueLoader::load(std::span<OldValue> values) const {
  for (OldValue& old : values) {
    const auto handle = find_wanted(old);
    if (!handle) continue;
    const std::size_t room = HandleAccess::room_bytes(old, handle->value_bytes(), options_);
    old.value = read_or_say_why([&] { return values_.read(old.key, *handle, room); });
  }
}

void OldValueLoader::load_on_reader(OldValue& old, const ValueHandle& handle,
                                    std::function<void()> done) const {
  readers_.run([this, &old, handle, done = std::move(done)] {
    const std::size_t room = HandleAccess::room_bytes(old, handle.value_bytes(), options_);
    old.value =
        read_or_say_why([&] { return HandleAccess::read_from_disk(handle, old.key, resident_, room); });
    done();
  });
}

}  // namespace minikv::engine
