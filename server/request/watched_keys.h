// What clients watch, and whether it was written to since.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "minikv/key_lookup.h"
#include "minikv/transaction.h"
#include "server/memory/client_memory.h"
#include "server/memory/request_memory.h"
#include "server/request/forwarding_transaction.h"

namespace minikv::server {

class WatchedKeys;
class WatchedMany;

// So that keys are looked up without a copy.
struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
};
// Where there is no memory for one more, it stays as it was: absl's tables do not.
template <typename Value>
using KeyMap = std::unordered_map<std::string, Value, KeyHash, std::equal_to<>>;

// What one client watches, from its first WATCH until its next EXEC, DISCARD or UNWATCH.
//
// A key that was there is watched by the sequence of its newest write, which is never given twice. A key that
// was not there has none: it may come and go in between without leaving a trace, so that whoever puts it says
// so (WatchedKeys::touch).
//
// Thread safety: watch() on the writer thread only; memory(), expect_many() and many_keys() by the client's
// event loop; add(), many() and fail() by any; made and let go of anywhere.
class Watch {
 public:
  // About how much memory it takes to watch a key of so many bytes, which are there twice.
  static constexpr std::uint64_t bytes_of_key(std::size_t key_bytes) { return 224 + 2 * key_bytes; }

  Watch(WatchedKeys& keys, ClientMemory& memory) : keys_(keys), memory_(memory) {}
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // If it throws, the watch has failed.
  void watch(Transaction& transaction, std::string_view key);
  // A key that was to be watched is not: the transaction is not to be executed.
  void fail() { touched_.store(true, std::memory_order_relaxed); }
  MemoryShare& memory() { return memory_; }

  // Very many keys of one command, which have been looked at.
  void add(std::unique_ptr<WatchedMany> many) MINIKV_EXCLUDES(mutex_);
  // Those that have been added. They live as long as the watch.
  std::vector<const WatchedMany*> many() const MINIKV_EXCLUDES(mutex_);
  // So many keys will be added so.
  void expect_many(std::size_t keys) { many_keys_ += keys; }
  std::size_t many_keys() const { return many_keys_; }

 private:
  friend class WatchCheck;
  friend class WatchedKeys;
  WatchedKeys& keys_;
  MemoryShare memory_;
  KeyMap<std::uint64_t> seen_;  // key and sequence; 0: it was not there
  std::atomic<bool> touched_{false};
  std::size_t many_keys_ = 0;
  mutable engine::Mutex mutex_;
  std::vector<std::unique_ptr<WatchedMany>> many_ MINIKV_GUARDED_BY(mutex_);
};

// Very many keys that one client watches by one command: a reader looks them up and the writer makes that
// right, so that no one waits for it.
// Thread safety: handed from one thread to the other; const members may be called by several.
class WatchedMany {
 public:
  // `keys` are kept in `memory`.
  WatchedMany(WatchedKeys& watched, ArgumentArena memory, std::vector<std::string_view> keys);
  ~WatchedMany();
  WatchedMany(const WatchedMany&) = delete;
  WatchedMany& operator=(const WatchedMany&) = delete;

  std::span<const std::string_view> keys() const { return keys_; }
  // Notes what has been looked up. It may be called on a reader, with what is not right yet; and has to be
  // called on the writer with what is: the watch begins then.
  void note(const KeyLookup& lookup);
  void begin(const KeyLookup& lookup);
  // On the writer.
  bool has_changed(const KeyLookup& lookup) const;

 private:
  WatchedKeys& watched_;
  const ArgumentArena memory_;
  const std::vector<std::string_view> keys_;
  std::vector<std::uint64_t> sequences_;  // of the keys; 0: it was not there
  std::vector<std::uint32_t> absent_;     // of which keys it is listed that they were not there
  std::atomic<bool> touched_{false};      // one of these was put
};

// Whether anything has changed that a client watches, found out by the writer for a transaction. Of very many
// keys a reader finds out most of it before.
// Thread safety: handed from one thread to the other.
class WatchCheck {
 public:
  explicit WatchCheck(std::shared_ptr<Watch> watch);  // null: nothing is watched

  // At most how much memory prepare() takes. On the event loop.
  std::uint64_t bytes_to_prepare() const;
  void prepare(Preparation& preparation);
  bool has_changed(Transaction& transaction);

 private:
  struct Part {
    const WatchedMany* many;
    KeyLookup lookup;
  };
  void add_parts();

  std::shared_ptr<Watch> watch_;
  const std::size_t many_keys_;  // that were to be watched
  std::vector<std::unique_ptr<Part>> parts_;
};

// The keys that are watched and were not there.
// Thread safety: all members may be called from any thread.
class WatchedKeys {
 public:
  // Costs a look at one number where nobody watches any.
  bool is_empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  void touch(std::string_view key);

 private:
  friend class Watch;
  friend class WatchedMany;
  // `touched` is set when the key is put, until it is removed.
  void add(std::string_view key, std::atomic<bool>& touched);
  void remove(std::string_view key, std::atomic<bool>& touched);

  // Who watches a key: nearly always one.
  struct Watchers {
    std::atomic<bool>* one = nullptr;
    std::unique_ptr<std::unordered_set<std::atomic<bool>*>> others;
  };
  // So that the writer does not wait for a table of a million keys that grows.
  struct Shard {
    engine::Mutex mutex;
    KeyMap<Watchers> keys MINIKV_GUARDED_BY(mutex);
  };
  static constexpr std::size_t kShardBits = 6;

  Shard& shard_of(std::string_view key) { return shards_[KeyHash()(key) >> (64 - kShardBits)]; }

  std::atomic<std::size_t> count_{0};
  std::array<Shard, std::size_t{1} << kShardBits> shards_;
};

// Tells of every put.
class TouchingTransaction final : public ForwardingTransaction {
 public:
  TouchingTransaction(Transaction& transaction, WatchedKeys& watched)
      : ForwardingTransaction(transaction), watched_(watched) {}

  std::uint64_t put(std::string_view key, std::string_view value, std::uint32_t checksum,
                    std::int64_t expiry_ms) override {
    watched_.touch(key);
    return ForwardingTransaction::put(key, value, checksum, expiry_ms);
  }

 private:
  WatchedKeys& watched_;
};

}  // namespace minikv::server
