// Blocks that are shared until written, where a missing one is all zeros.
#include "tests/support/sim_content.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace minikv::sim {
namespace {

bool is_zero(std::string_view bytes) {
  // A run of zeros is equal to itself moved by one.
  return bytes.empty() ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

SimContent::Block& SimContent::own_block(std::size_t index) {
  if (index >= blocks_.size()) blocks_.resize(index + 1);
  auto& block = blocks_[index];
  if (block == nullptr) {
    block = std::make_shared<Block>();
    block->fill(0);
  } else if (block.use_count() > 1) {
    block = std::make_shared<Block>(*block);
  }
  return *block;
}

void SimContent::write(std::uint64_t offset, std::string_view bytes) {
  size_ = std::max(size_, offset + bytes.size());
  while (!bytes.empty()) {
    const std::size_t within = offset % kBlockBytes;
    const std::size_t count = std::min(bytes.size(), kBlockBytes - within);
    const std::size_t index = offset / kBlockBytes;
    const bool is_hole = index >= blocks_.size() || blocks_[index] == nullptr;
    // Much of what a store writes is zeros: they cost nothing where there are zeros already.
    if (!is_hole || !is_zero(bytes.substr(0, count))) {
      std::memcpy(own_block(index).data() + within, bytes.data(), count);
    }
    bytes.remove_prefix(count);
    offset += count;
  }
}

void SimContent::resize(std::uint64_t size) {
  if (size < size_) {
    blocks_.resize(std::min<std::size_t>(blocks_.size(), (size + kBlockBytes - 1) / kBlockBytes));
    const std::size_t within = size % kBlockBytes;
    const std::size_t last = size / kBlockBytes;
    if (within != 0 && last < blocks_.size() && blocks_[last] != nullptr) {
      Block& block = own_block(last);
      std::fill(block.begin() + static_cast<std::ptrdiff_t>(within), block.end(), 0);
    }
  }
  size_ = size;
}

void SimContent::read(std::uint64_t offset, std::span<char> out) const {
  while (!out.empty()) {
    const std::size_t index = offset / kBlockBytes;
    const std::size_t within = offset % kBlockBytes;
    const std::size_t count = std::min(out.size(), kBlockBytes - within);
    if (index < blocks_.size() && blocks_[index] != nullptr) {
      std::memcpy(out.data(), blocks_[index]->data() + within, count);
    } else {
      std::memset(out.data(), 0, count);
    }
    out = out.subspan(count);
    offset += count;
  }
}

std::uint64_t SimContent::fingerprint() const {
  std::uint64_t sum = size_;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (blocks_[i] == nullptr) continue;
    const std::string_view bytes(blocks_[i]->data(), blocks_[i]->size());
    if (is_zero(bytes)) continue;
    sum = sum * 0x9E3779B97F4A7C15U + std::hash<std::string_view>()(bytes) + i;
  }
  return sum;
}

std::string SimContent::slice(std::uint64_t offset, std::uint64_t length) const {
  if (offset >= size_) return {};
  std::string bytes(std::min(length, size_ - offset), '\0');
  read(offset, bytes);
  return bytes;
}

}  // namespace minikv::sim
