// The keys that clients watch, and whether they were written to since.
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

// Transparent, so that keys are looked up without a copy.
struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
};
// A failed insertion leaves this map as it was, which absl's tables do not promise.
template <typename Value>
using KeyMap = std::unordered_map<std::string, Value, KeyHash, std::equal_to<>>;

// The keys that one client watches, from its first WATCH until its next EXEC, DISCARD or UNWATCH.
//
// A key that was there is watched by the sequence of its newest write, which is never given twice. A key that
// was not there has no sequence: it may be put and removed in between without leaving a trace. So every put
// of such a key is reported (WatchedKeys::touch).
//
// Thread safety: watch() on the writer thread only; memory(), expect_many() and many_keys() by the client's
// event loop; add(), many() and fail() by any; made and destroyed on any.
class Watch {
 public:
  // About the memory that watching a key of `key_bytes` takes, in bytes; the key itself is there twice.
  static constexpr std::uint64_t bytes_of_key(std::size_t key_bytes) { return 224 + 2 * key_bytes; }

  Watch(WatchedKeys& keys, ClientMemory& memory) : keys_(keys), memory_(memory) {}
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // If watch() throws, the watch has failed.
  void watch(Transaction& transaction, std::string_view key);
  // A key could not be watched: the transaction is not to be executed.
  void fail() { touched_.store(true, std::memory_order_relaxed); }
  MemoryShare& memory() { return memory_; }

  // Adds the very many keys of one command, which have been looked up.
  void add(std::unique_ptr<WatchedMany> many) MINIKV_EXCLUDES(mutex_);
  // What was added. The objects live as long as the watch.
  std::vector<const WatchedMany*> many() const MINIKV_EXCLUDES(mutex_);
  // `keys` more keys will be added by add().
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

// Very many keys that one client watches by one command. A reader looks them up and the writer brings the
// result up to date, so that no other client waits for the look-up.
// Thread safety: handed from one thread to the other; const members may be called by several.
class WatchedMany {
 public:
  // `keys` are kept in `memory`.
  WatchedMany(WatchedKeys& watched, ArgumentArena memory, std::vector<std::string_view> keys);
  ~WatchedMany();
  WatchedMany(const WatchedMany&) = delete;
  WatchedMany& operator=(const WatchedMany&) = delete;

  std::span<const std::string_view> keys() const { return keys_; }
  // Notes the result of a look-up. A reader may call note() with a result that is outdated. The writer has to
  // call begin() with the right one: the watch begins then.
  void note(const KeyLookup& lookup);
  void begin(const KeyLookup& lookup);
  // To be called on the writer.
  bool has_changed(const KeyLookup& lookup) const;

 private:
  WatchedKeys& watched_;
  const ArgumentArena memory_;
  const std::vector<std::string_view> keys_;
  std::vector<std::uint64_t> sequences_;  // of the keys; 0: it was not there
  std::vector<std::uint32_t> absent_;     // the keys that are listed in `watched_`: they were not there
  std::atomic<bool> touched_{false};      // one of the absent keys was put
};

// Finds out for a transaction, on the writer, whether a key that its client watches has changed. For very
// many keys, a reader does most of the work before.
// Thread safety: handed from one thread to the other.
class WatchCheck {
 public:
  explicit WatchCheck(std::shared_ptr<Watch> watch);  // null: nothing is watched

  // The maximum of memory that prepare() takes, in bytes. To be called on the event loop.
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
  // Costs a look at one number while no key is watched.
  bool is_empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  void touch(std::string_view key);

 private:
  friend class Watch;
  friend class WatchedMany;
  // `touched` is set when the key is put, until it is removed.
  void add(std::string_view key, std::atomic<bool>& touched);
  void remove(std::string_view key, std::atomic<bool>& touched);

  // The watches of a key: nearly always one.
  struct Watchers {
    std::atomic<bool>* one = nullptr;
    std::unique_ptr<std::unordered_set<std::atomic<bool>*>> others;
  };
  // The keys are sharded so that the writer does not wait while a table of a million keys grows.
  struct Shard {
    engine::Mutex mutex;
    KeyMap<Watchers> keys MINIKV_GUARDED_BY(mutex);
  };
  static constexpr std::size_t kShardBits = 6;

  Shard& shard_of(std::string_view key) { return shards_[KeyHash()(key) >> (64 - kShardBits)]; }

  std::atomic<std::size_t> count_{0};
  std::array<Shard, std::size_t{1} << kShardBits> shards_;
};

// Reports every put to WatchedKeys.
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
