// The answers of KeyLookup and RangeCount, which the engine's own classes hold.
#include "minikv/key_lookup.h"

#include <cassert>
#include <utility>

#include "engine/core/counted_range.h"
#include "engine/core/found_keys.h"

namespace minikv {

KeyLookup::KeyLookup(std::span<const std::string_view> keys) : keys_(keys) {}
KeyLookup::KeyLookup(KeyLookup&&) noexcept = default;
KeyLookup& KeyLookup::operator=(KeyLookup&&) noexcept = default;
KeyLookup::~KeyLookup() = default;

std::size_t KeyLookup::there() const {
  assert(is_begun());
  return found_->count();
}

bool KeyLookup::is_there(std::size_t key) const {
  assert(is_begun() && key < keys_.size());
  return found_->is_there(key);
}

std::optional<ValueHandle> KeyLookup::handle(std::size_t key) const {
  assert(is_begun() && key < keys_.size());
  return found_->handle(key);
}

std::uint64_t KeyLookup::sequence(std::size_t key) const {
  assert(is_begun() && key < keys_.size());
  return found_->sequence(key);
}

std::size_t KeyLookup::next_there(std::size_t key) const {
  assert(is_begun());
  return found_->next_there(key);
}

RangeCount::RangeCount(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
RangeCount::RangeCount(RangeCount&&) noexcept = default;
RangeCount& RangeCount::operator=(RangeCount&& other) noexcept {
  std::swap(from_, other.from_);
  std::swap(to_, other.to_);
  std::swap(counted_, other.counted_);
  return *this;
}
RangeCount::~RangeCount() {
  if (counted_) counted_->let_go();
}

}  // namespace minikv
