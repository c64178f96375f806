// What clients watch, and whether it was written to since.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "engine/base/thread_annotations.h"
#include "minikv/transaction.h"
#include "server/client_memory.h"

namespace minikv::server {

class WatchedKeys;

// So that keys are looked up without a copy.
struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
};
template <typename Value>
using KeyMap = absl::flat_hash_map<std::string, Value, KeyHash, std::equal_to<>>;

// What one client watches, from its first WATCH until its next EXEC, DISCARD or UNWATCH.
//
// A key that was there is watched by the sequence of its newest write, which is never given twice. A key that was not there
// has none: it may come and go in between without leaving a trace, so that whoever puts it says so (WatchedKeys::touch).
//
// Thread safety: watch() and has_changed() on the writer thread only; memory() by the client's event loop; made and let go of
// anywhere.
class Watch {
 public:
  // A watched key takes about so much memory beside its bytes.
  static constexpr std::size_t kBytesPerKey = 160;

  Watch(WatchedKeys& keys, ClientMemory& memory) : keys_(keys), memory_(memory) {}
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void watch(Transaction& transaction, std::string_view key);
  bool has_changed(Transaction& transaction) const;
  MemoryShare& memory() { return memory_; }

 private:
  friend class WatchedKeys;
  WatchedKeys& keys_;
  MemoryShare memory_;
  KeyMap<std::uint64_t> seen_;  // key and sequence; 0: it was not there
  std::atomic<bool> touched_{false};
};

// The keys that are watched and were not there.
// Thread safety: all members may be called from any thread.
class WatchedKeys {
 public:
  // Costs a look at one number where nobody watches any.
  bool is_empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  void touch(std::string_view key) MINIKV_EXCLUDES(mutex_);

 private:
  friend class Watch;
  void add(const std::string& key, Watch& watch) MINIKV_EXCLUDES(mutex_);
  void remove(Watch& watch) MINIKV_EXCLUDES(mutex_);

  std::atomic<std::size_t> count_{0};
  engine::Mutex mutex_;
  KeyMap<absl::flat_hash_set<Watch*>> watches_ MINIKV_GUARDED_BY(mutex_);
};

// Tells of every put.
class TouchingTransaction final : public Transaction {
 public:
  TouchingTransaction(Transaction& transaction, WatchedKeys& watched)
      : transaction_(transaction), watched_(watched) {}

  const StoreTime& time() const override { return transaction_.time(); }
  std::optional<Entry> find(std::string_view key) override { return transaction_.find(key); }
  Result<Value> get(std::string_view key) override { return transaction_.get(key); }
  std::optional<ValueHandle> locate(std::string_view key) override { return transaction_.locate(key); }
  ScanPage scan(const ScanOptions& options) override;
  UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) override;
  std::uint64_t size() override { return transaction_.size(); }
  std::uint64_t room() const override { return transaction_.room(); }
  std::uint64_t put(std::string_view key, std::string_view value, std::uint32_t checksum,
                    std::int64_t expiry_ms) override {
    watched_.touch(key);
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
  WatchedKeys& watched_;
};

}  // namespace minikv::server
