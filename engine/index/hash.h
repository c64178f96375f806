// The hash of a key.
#pragma once

#include <cstdint>
#include <string_view>

#include <absl/hash/hash.h>

namespace minikv::engine {

// The hash differs in every process; it is kept in memory only.
inline std::uint64_t hash_of(std::string_view key) { return absl::Hash<std::string_view>{}(key); }

}  // namespace minikv::engine
