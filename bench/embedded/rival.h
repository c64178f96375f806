// What every embedded store can do that is compared here, behind one small interface.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "minikv/status.h"

namespace minikv::bench {

struct Pair {
  std::string_view key;
  std::string_view value;
};

// What a write that has returned is worth.
enum class Durability : std::uint8_t {
  kSynced,        // it is on disk: every write waits for a sync, its own or one it shares
  kLeftToKernel,  // the kernel has it, or the process still; nobody waits for a sync
};

// Reads of one thread.
class RivalReader {
 public:
  virtual ~RivalReader() = default;
  // kNotFound: no such key.
  virtual Status get(std::string_view key, std::string& value) = 0;
  // Up to `limit` pairs in the order of keys, from the first key that is not before `from` on. The views hold
  // for the call.
  using Visit = std::function<void(std::string_view key, std::string_view value)>;
  virtual Status scan(std::string_view from, std::size_t limit, const Visit& visit) = 0;
};

// An open store; closed by its destructor.
// Thread safety: write() and reader() may be called from any thread.
class Rival {
 public:
  virtual ~Rival() = default;
  // All pairs or none.
  virtual Status write(std::span<const Pair> pairs) = 0;
  // Must go before the store does.
  virtual std::unique_ptr<RivalReader> reader() = 0;
  // Finishes whatever the store has put off and does better before it is read: compaction, write-back.
  virtual Status settle() = 0;
};

struct RivalKind {
  std::string name;
  std::string description;  // version and settings, for the record
  Result<std::unique_ptr<Rival>> (*open)(const std::string& directory, Durability durability);
};

// Those that this program was built with, minikv first.
std::vector<RivalKind> rivals();

// ---- one in a file of its own; there if its library is ----
RivalKind minikv_rival();
RivalKind rocksdb_rival();
RivalKind leveldb_rival();
RivalKind lmdb_rival();

// What the caches of those that have one of their own may hold: more than the data sets, which minikv and
// LMDB read from the kernel's.
inline constexpr std::size_t kRivalCacheBytes = std::size_t{512} * 1024 * 1024;
inline constexpr std::size_t kRivalWriteBufferBytes = std::size_t{64} * 1024 * 1024;

}  // namespace minikv::bench
