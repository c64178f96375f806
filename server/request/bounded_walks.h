// Walks over keys within a transaction. The writer does them while all other tasks wait.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "server/request/forwarding_transaction.h"

namespace minikv::server {

// The maximum of memory that the results of all walks of one transaction (KEYS, LIST, RANGE, SCAN, RANDOMKEY)
// may take until it is answered. The limit also bounds the time that the walks take.
inline constexpr std::size_t kMaxWalkedBytes = std::size_t{20} << 20;

// Limits what the walks of a transaction find to kMaxWalkedBytes.
// Thread safety: the writer's.
class BoundedWalks final : public ForwardingTransaction {
 public:
  explicit BoundedWalks(Transaction& transaction) : ForwardingTransaction(transaction) {}

  // Whether a walk since the last call would have found more than the limit left: its result is then
  // incomplete.
  bool take_exceeded() { return std::exchange(is_exceeded_, false); }

  ScanPage scan(const ScanOptions& options) override {
    ScanOptions bounded = options;
    bounded.limit = std::min(options.limit, left_ / sizeof(ScanItem) + 1);
    bounded.max_bytes = std::min<std::uint64_t>(options.max_bytes, left_);
    ScanPage page = ForwardingTransaction::scan(bounded);
    std::size_t bytes = page.items.size() * sizeof(ScanItem);
    for (const ScanItem& item : page.items) bytes += item.key.size();
    const bool is_cut = page.more && (bounded.limit < options.limit || bounded.max_bytes < options.max_bytes);
    spend(bytes, is_cut);
    return page;
  }

  UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) override {
    UnorderedPage page =
        ForwardingTransaction::walk_unordered(position, std::min(count, left_ / sizeof(std::string) + 1));
    std::size_t bytes = kWalkBytes;
    for (const std::string& key : page.keys) bytes += sizeof(std::string) + key.size();
    spend(bytes, false);
    return page;
  }

 private:
  static constexpr std::size_t kWalkBytes = 64;  // a walk that finds nothing takes time, too

  void spend(std::size_t bytes, bool is_cut) {
    is_exceeded_ |= is_cut || bytes > left_;
    left_ -= std::min(bytes, left_);
  }

  std::size_t left_ = kMaxWalkedBytes;
  bool is_exceeded_ = false;
};

}  // namespace minikv::server
