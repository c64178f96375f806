// The bytes of an object that is stored as it lies in memory.
#pragma once

#include <string_view>
#include <type_traits>

namespace minikv::engine {

// Valid while the object is.
template <typename T>
std::string_view bytes_of(const T& object) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&object), sizeof(T)};
}

}  // namespace minikv::engine
