// A transaction in front of another one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "minikv/store.h"
#include "minikv/transaction.h"

namespace minikv::server {

// Forwards all calls; a subclass overrides some of them.
// Thread safety: as the transaction, which must outlive it.
class ForwardingTransaction : public Transaction {
 public:
  explicit ForwardingTransaction(Transaction& transaction) : transaction_(transaction) {}

  const StoreTime& time() const override { return transaction_.time(); }
  std::optional<Entry> find(std::string_view key) override { return transaction_.find(key); }
  Result<Value> get(std::string_view key) override { return transaction_.get(key); }
  std::optional<ValueHandle> locate(std::string_view key) override { return transaction_.locate(key); }
  ScanPage scan(const ScanOptions& options) override { return transaction_.scan(options); }
  UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) override {
    return transaction_.walk_unordered(position, count);
  }
  std::uint64_t size() override { return transaction_.size(); }
  std::uint64_t room() const override { return transaction_.room(); }
  std::uint64_t put(std::string_view key, std::string_view value, std::uint32_t checksum,
                    std::int64_t expiry_ms) override {
    return transaction_.put(key, value, checksum, expiry_ms);
  }
  bool remove(std::string_view key) override { return transaction_.remove(key); }
  void look_up(KeyLookup& lookup) override { transaction_.look_up(lookup); }
  std::uint64_t remove_range(RangeCount& range) override { return transaction_.remove_range(range); }
  void remove_all() override { transaction_.remove_all(); }
  bool set_expiry(std::string_view key, std::int64_t expiry_ms) override {
    return transaction_.set_expiry(key, expiry_ms);
  }

 private:
  Transaction& transaction_;
};

}  // namespace minikv::server
