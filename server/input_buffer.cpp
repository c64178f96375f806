#include "server/input_buffer.h"

#include <cstring>
#include <utility>

namespace minikv::server {

std::unique_ptr<char[]> BlockPool::take() {
  if (spare_.empty()) return std::make_unique_for_overwrite<char[]>(kBlockBytes);
  std::unique_ptr<char[]> block = std::move(spare_.back());
  spare_.pop_back();
  return block;
}

void BlockPool::give_back(std::unique_ptr<char[]> block) {
  if (spare_.size() < kSpareBlocks) spare_.push_back(std::move(block));
}

std::span<char> InputBuffer::prepare() {
  constexpr std::size_t kWorthAReadBytes = 4096;
  if (!block_) {
    block_ = pool_.take();
    capacity_ = BlockPool::kBlockBytes;
  } else if (capacity_ - end_ < kWorthAReadBytes) {
    const std::size_t used = size();
    if (used <= capacity_ / 2) {
      std::memmove(block_.get(), block_.get() + begin_, used);
    } else {
      auto larger = std::make_unique_for_overwrite<char[]>(capacity_ * 2);
      std::memcpy(larger.get(), block_.get() + begin_, used);
      const std::size_t larger_capacity = capacity_ * 2;
      release();
      block_ = std::move(larger);
      capacity_ = larger_capacity;
    }
    begin_ = 0;
    end_ = used;
  }
  return {block_.get() + end_, capacity_ - end_};
}

void InputBuffer::release() {
  if (block_ && capacity_ == BlockPool::kBlockBytes) pool_.give_back(std::move(block_));
  block_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace minikv::server
