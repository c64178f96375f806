// Reading the value that a ValueHandle refers to.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "engine/index/index.h"
#include "engine/segment/resident_pages.h"
#include "engine/segment/segment.h"
#include "minikv/options.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// The reads differ in whom they may keep waiting. Each copies header, key and value, checks both checksums
// over the copies, and that it is the record which the handle was made for. The value goes straight to `out`,
// which has handle.value_bytes() bytes, and is checked there: nothing is read again, or copied, after the
// check.
//
// Large values are read and checked in pieces that fit into the processor's cache.
//
// Thread safety: all members may be called from any thread.
struct HandleAccess {
  static ValueHandle make(SegmentPtr segment, const Place& place);

  // Says that it will be read through the mapping soon.
  static void fetch_ahead(const ValueHandle& handle);
  // Through the mapping, or by system call where that ends before; waits for the disk if it must.
  static Status read(const ValueHandle& handle, std::string_view key, std::span<char> out, WarmPages& warm);
  // By system call; waits for the disk if it must. For readers (see ReaderPool). `should_stop` may be empty;
  // it is asked before each piece, and true ends the read with kCancelled.
  static Status read_from_disk(const ValueHandle& handle, std::string_view key, std::span<char> out,
                               WarmPages& warm, const std::function<bool()>& should_stop);
  // Nothing if the value is not in memory.
  static std::optional<Status> try_read(const ValueHandle& handle, std::string_view key, std::span<char> out,
                                        WarmPages& warm);

  // The same into a new string, with capacity for `room_bytes` if that is more. kOutOfMemory if there is no
  // memory for it.
  static Result<Value> read(const ValueHandle& handle, std::string_view key, WarmPages& warm,
                            std::size_t room_bytes = 0);
  static Result<Value> read_from_disk(const ValueHandle& handle, std::string_view key, WarmPages& warm,
                                      std::size_t room_bytes = 0);
  static std::optional<Result<Value>> try_read(const ValueHandle& handle, std::string_view key,
                                               WarmPages& warm, std::size_t room_bytes = 0);

  // The capacity that a task wants its old value to come with.
  static std::size_t room_bytes(const OldValue& old, std::uint64_t value_bytes, const Options& options);

  // Whether it surely is in memory: then read() does not wait.
  static bool is_warm(const ValueHandle& handle, std::string_view key, WarmPages& warm);
};

// The reads of a store, by the same names as in minikv/store.h: each takes the way that suits the value's
// size and the thread that asks.
//
// Thread safety: all members may be called from any thread.
class ValueReader {
 public:
  // `warm` must outlive it.
  explicit ValueReader(WarmPages& warm) : warm_(warm) {}

  // `room_bytes` as for HandleAccess::read().
  Result<Value> read(std::string_view key, const ValueHandle& handle, std::size_t room_bytes = 0) const;
  Status read_into(std::string_view key, const ValueHandle& handle, std::span<char> out,
                   const std::function<bool()>& should_stop) const;
  std::optional<Result<Value>> try_read(std::string_view key, const ValueHandle& handle) const;
  std::optional<Status> try_read_into(std::string_view key, const ValueHandle& handle,
                                      std::span<char> out) const;

 private:
  WarmPages& warm_;
};

}  // namespace minikv::engine
