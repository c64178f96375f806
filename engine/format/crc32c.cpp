// CRC-32C by ISA-L.
#include "engine/format/crc32c.h"

#include <algorithm>
#include <climits>

#include <isa-l/crc.h>

#include "minikv/transaction.h"

namespace minikv {
namespace engine {

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  // ISA-L leaves both inversions to the caller, and takes an int for the length and a pointer that it does
  // not write through.
  std::uint32_t state = ~crc;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::size_t{INT_MAX});
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(piece.data()));
    state = crc32_iscsi(data, static_cast<int>(piece.size()), state);
    bytes.remove_prefix(piece.size());
  }
  return ~state;
}

}  // namespace engine

std::uint32_t value_checksum(std::string_view value) { return engine::crc32c(value); }

}  // namespace minikv
