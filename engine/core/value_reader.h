// Reading the value that a ValueHandle refers to.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/log.h"
#include "engine/index/index.h"
#include "engine/segment/resident_pages.h"
#include "engine/segment/segment.h"
#include "minikv/options.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// The reads differ in whether they may wait for the disk. Each read copies header, key and value, and checks
// both checksums over the copies. It also checks that the record is the one which the handle was made for.
// The value goes straight to `out`, which must have handle.value_bytes() bytes, and is checked there. Nothing
// is read again, or copied, after the check.
//
// Large values are read and checked in pieces that fit into the processor's cache.
//
// Thread safety: all members may be called from any thread.
struct HandleAccess {
  static ValueHandle make(SegmentPtr segment, const Location& location);

  // Prefetches the value, which will be read through the mapping soon.
  static void prefetch(const ValueHandle& handle);
  // Reads through the mapping, or by system call where the mapping ends before. Waits for the disk if it
  // must.
  static Status read(const ValueHandle& handle, std::string_view key, std::span<char> out,
                     ResidentPages& resident);
  // Reads by system call; waits for the disk if it must. For readers (see ReaderPool). `should_stop` may be
  // empty. It is asked before each piece, and true ends the read with kCancelled.
  static Status read_from_disk(const ValueHandle& handle, std::string_view key, std::span<char> out,
                               ResidentPages& resident, const std::function<bool()>& should_stop);
  // Reads without waiting for the disk. Nothing: the value is not in memory.
  static std::optional<Status> try_read(const ValueHandle& handle, std::string_view key, std::span<char> out,
                                        ResidentPages& resident);

  // The same reads into a new string, with a capacity of `room_bytes` if that is more. kOutOfMemory: there is
  // no memory for the string.
  static Result<Value> read(const ValueHandle& handle, std::string_view key, ResidentPages& resident,
                            std::size_t room_bytes = 0);
  static Result<Value> read_from_disk(const ValueHandle& handle, std::string_view key,
                                      ResidentPages& resident, std::size_t room_bytes = 0);
  static std::optional<Result<Value>> try_read(const ValueHandle& handle, std::string_view key,
                                               ResidentPages& resident, std::size_t room_bytes = 0);

  // The capacity in bytes that a task wants for its old value.
  static std::size_t room_bytes(const OldValue& old, std::uint64_t value_bytes, const Options& options);

  // Whether the value is resident for sure; then read() does not wait.
  static bool is_resident(const ValueHandle& handle, std::string_view key, ResidentPages& resident);
};

// The reads of a store, by the same names as in minikv/store.h: each takes the way that suits the value's
// size and the thread that asks.
//
// Thread safety: all members may be called from any thread.
class ValueReader {
 public:
  // Both must outlive it. `log` is told of each read that finds damage.
  ValueReader(ResidentPages& resident, const Log& log) : resident_(resident), log_(log) {}

  // `room_bytes` as for HandleAccess::read().
  Result<Value> read(std::string_view key, const ValueHandle& handle, std::size_t room_bytes = 0) const;
  Status read_into(std::string_view key, const ValueHandle& handle, std::span<char> out,
                   const std::function<bool()>& should_stop) const;
  std::optional<Result<Value>> try_read(std::string_view key, const ValueHandle& handle) const;
  std::optional<Status> try_read_into(std::string_view key, const ValueHandle& handle,
                                      std::span<char> out) const;

 private:
  void tell(const Status& damage) const;

  ResidentPages& resident_;
  const Log& log_;
};

}  // namespace minikv::engine
