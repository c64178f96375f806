// Makes the id of a new store.
#include "engine/format/store_id.h"

#include <random>

namespace minikv::engine {

StoreId make_store_id() {
  StoreId id;
  std::random_device random;
  for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(random());
  return id;
}

}  // namespace minikv::engine
