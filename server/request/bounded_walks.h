// Walks over keys within a transaction, which the writer does while all others wait for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "server/request/forwarding_transaction.h"

namespace minikv::server {

// What the walks of one transaction (KEYS, LIST, RANGE, SCAN, RANDOMKEY) find may take so much memory
// together, until it is answered: which also bounds how long they take.
inline constexpr std::size_t kMaxWalkedBytes = std::size_t{20} << 20;

// Lets the walks of a transaction find so much and no more.
// Thread safety: the writer's.
class BoundedWalks final : public ForwardingTransaction {
 public:
  explicit BoundedWalks(Transaction& transaction) : ForwardingTransaction(transaction) {}

  // Whether a walk since the last call would have found more than is left; what it has found is not all of
  // it.
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
  static constexpr std::size_t kWalkBytes = 64;  // also one that finds nothing takes a while

  void spend(std::size_t bytes, bool is_cut) {
    is_exceeded_ |= is_cut || bytes > left_;
    left_ -= std::min(bytes, left_);
  }

  std::size_t left_ = kMaxWalkedBytes;
  bool is_exceeded_ = false;
};

}  // namespace minikv::server
