// Where the blocks of a connection's input come from, and where they go.
#include "server/net/request_input.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace minikv::server {
namespace {

// The blocks of a long request grow up to this, so that a huge one has few of them.
constexpr std::size_t kLargestBlockBytes = 1024 * 1024;

}  // namespace

Block BlockPool::take() {
  if (spare_.empty()) return Block::make(kBlockBytes);
  Block block = std::move(spare_.back());
  spare_.pop_back();
  return block;
}

void BlockPool::give_back(Block block) {
  assert(block && block.capacity == kBlockBytes);
  if (spare_.size() < kSpareBlocks) spare_.push_back(std::move(block));
}

bool RequestInput::can_move_to_the_front(const protocol::RequestParser& parser) const {
  return size() + parser.bytes_wanted() <= block_.capacity && size() <= block_.capacity / 2 && begin_ > 0 &&
         kept_.empty();
}

// `rest`: bytes that move into the next block.
std::size_t RequestInput::next_capacity(std::size_t rest, const protocol::RequestParser& parser) const {
  const std::size_t wanted = parser.bytes_wanted();
  if (wanted > 0 && rest + wanted >= BlockPool::kBlockBytes) return rest + wanted;
  const std::size_t usual = std::clamp(kept_bytes_, BlockPool::kBlockBytes, kLargestBlockBytes);
  // A line is needed in one stretch, however long it gets.
  return std::max(usual, rest + std::max(rest, kWorthAReadBytes));
}

std::size_t RequestInput::grows_by_a_block(const protocol::RequestParser& parser) const {
  const std::size_t wanted = parser.bytes_wanted();
  if (wanted > 0 && block_.capacity - end_ >= wanted) return 0;
  if (can_move_to_the_front(parser)) return 0;
  return next_capacity(size(), parser);
}

std::span<char> RequestInput::prepare(protocol::RequestParser& parser) {
  if (!block_) {
    block_ = pool_.take();
  } else if (grows_by(parser) > 0) {
    // If there is no memory for the next block, the caller can only give up the request: the bytes that stay
    // are dropped then.
    const std::size_t stays = parser.settle(view());
    const std::string_view rest = view().substr(stays);
    begin_ += stays;
    Block next = Block::make(next_capacity(rest.size(), parser));
    if (!rest.empty()) std::memcpy(next.memory.get(), rest.data(), rest.size());
    if (stays > 0) {
      kept_bytes_ += block_.capacity;
      kept_.push_back(std::move(block_));
    } else if (block_.capacity == BlockPool::kBlockBytes) {
      pool_.give_back(std::move(block_));
    }
    block_ = std::move(next);
    begin_ = 0;
    end_ = rest.size();
  } else if (block_.capacity - end_ < std::max(kWorthAReadBytes, parser.bytes_wanted()) &&
             can_move_to_the_front(parser)) {
    const std::size_t used = size();
    std::memmove(block_.memory.get(), block_.memory.get() + begin_, used);
    begin_ = 0;
    end_ = used;
  }
  assert(end_ < block_.capacity);
  return {block_.memory.get() + end_, block_.capacity - end_};
}

std::vector<Block> RequestInput::take_blocks() {
  const std::string_view rest = view();
  Block next;
  if (!rest.empty()) {
    next = rest.size() <= BlockPool::kBlockBytes ? pool_.take() : Block::make(2 * rest.size());
    std::memcpy(next.memory.get(), rest.data(), rest.size());
  }
  begin_ = 0;
  end_ = rest.size();
  std::vector<Block> taken = std::exchange(kept_, {});
  kept_bytes_ = 0;
  taken.push_back(std::exchange(block_, std::move(next)));
  return taken;
}

void RequestInput::drop_blocks() {
  if (block_.capacity > BlockPool::kBlockBytes) {
    take_blocks();
    return;
  }
  kept_.clear();
  kept_bytes_ = 0;
}

void RequestInput::release() {
  if (block_.capacity == BlockPool::kBlockBytes) pool_.give_back(std::move(block_));
  block_ = {};
  kept_.clear();
  begin_ = end_ = kept_bytes_ = 0;
}

}  // namespace minikv::server
