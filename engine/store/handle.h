// Making ValueHandles and reading what they point to.
#pragma once

#include <optional>
#include <string_view>

#include "engine/index/index.h"
#include "engine/store/segment.h"
#include "engine/store/warm_pages.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// The reads differ in whom they may keep waiting. Each copies header, key and value, checks both checksums over the
// copies, and that it is the record which the handle was made for.
//
// Thread safety: all members may be called from any thread.
struct HandleAccess {
  static ValueHandle make(SegmentPtr segment, const Place& place);

  static std::uint64_t version(const ValueHandle& handle) { return handle.version_; }

  // Says that it will be read through the mapping soon.
  static void fetch_ahead(const ValueHandle& handle);
  // Through the mapping; waits for the disk in a page fault if it must.
  static Result<Value> read(const ValueHandle& handle, std::string_view key);
  // By system call; waits for the disk if it must. For readers (see ReaderPool).
  static Result<Value> read_from_disk(const ValueHandle& handle, std::string_view key, WarmPages& warm);
  // Nothing if the value is not in memory.
  static std::optional<Result<Value>> try_read(const ValueHandle& handle, std::string_view key,
                                               WarmPages& warm);
  // Whether it surely is: then read() does not wait.
  static bool is_warm(const ValueHandle& handle, std::string_view key, WarmPages& warm);
};

}  // namespace minikv::engine
