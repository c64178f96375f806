// The interface between the benchmarks and each of the embedded stores.
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

// The durability of a write that has returned.
enum class Durability : std::uint8_t {
  kSynced,        // it is on disk: each write waits for a sync, its own or a shared one
  kLeftToKernel,  // it is with the kernel or still in the process: no write waits for a sync
};

// Reads of one thread.
class RivalReader {
 public:
  virtual ~RivalReader() = default;
  // kNotFound: no such key.
  virtual Status get(std::string_view key, std::string& value) = 0;
  // Visits up to `limit` pairs in key order, from the first key >= `from` on. The views are valid during the
  // call.
  using Visit = std::function<void(std::string_view key, std::string_view value)>;
  virtual Status scan(std::string_view from, std::size_t limit, const Visit& visit) = 0;
};

// An open store; the destructor closes it.
// Thread safety: write() and reader() may be called from any thread.
class Rival {
 public:
  virtual ~Rival() = default;
  // All pairs or none.
  virtual Status write(std::span<const Pair> pairs) = 0;
  // The reader must be destroyed before the store.
  virtual std::unique_ptr<RivalReader> reader() = 0;
  // Finishes deferred work that slows reads, such as compaction and write-back.
  virtual Status settle() = 0;
};

struct RivalKind {
  std::string name;
  std::string description;  // version and settings, for the record
  Result<std::unique_ptr<Rival>> (*open)(const std::string& directory, Durability durability);
};

// The stores that this program was built with, minikv first.
std::vector<RivalKind> rivals();

// ---- each is defined in its own file, if its library is installed ----
RivalKind minikv_rival();
RivalKind rocksdb_rival();
RivalKind leveldb_rival();
RivalKind lmdb_rival();

// The size of a store's own cache, if it has one: larger than the data sets. minikv and LMDB read from the
// kernel's page cache instead.
inline constexpr std::size_t kRivalCacheBytes = std::size_t{512} * 1024 * 1024;
inline constexpr std::size_t kRivalWriteBufferBytes = std::size_t{64} * 1024 * 1024;

}  // namespace minikv::bench
