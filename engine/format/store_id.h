// The id that tells the files of one store from another's.
#pragma once

#include <array>
#include <cstdint>

namespace minikv::engine {

// Random; made with the store, and repeated in its manifest and in the header of each segment and hint.
using StoreId = std::array<std::uint8_t, 16>;

StoreId make_store_id();

}  // namespace minikv::engine
