// One call that somebody made to a simulated file system.
#pragma once

#include <cstdint>
#include <string>

namespace minikv::sim {

struct SimCall {
  enum class Kind : std::uint8_t {
    kOpen,
    kCreate,
    kSize,
    kRead,
    kReadCached,
    kWrite,
    kSync,
    kTruncate,
    kAllocate,
    kDropCache,
    kMap,
    kCopy,
    kRename,
    kRemove,
    kCreateDir,
    kSyncDir,
    kList,
    kLock,
    kFreeSpace,
  };

  std::uint64_t number = 0;  // from 1
  Kind kind = Kind::kOpen;
  std::string path{};
  std::uint64_t offset = 0;  // of kRead, kReadCached, kWrite, kCopy
  std::uint64_t length = 0;  // of these, and the size of kTruncate, kAllocate and kMap
  std::string to{};          // of kRename

  // Whether the disk may be another one afterwards.
  bool changes_disk() const;
  // "call 37: write segment-00000002.dat 4096+96"
  std::string describe() const;
};

// How a call fails.
enum class SimFault : std::uint8_t {
  kNone,
  kIoError,       // EIO, nothing was done
  kDiskFull,      // ENOSPC, nothing was done
  kHalfIoError,   // half of the bytes were written, then EIO; what can't be halved was not done
  kHalfDiskFull,  // half of the bytes were written, then ENOSPC; what can't be halved was not done
  kDoneIoError,   // EIO, but it was done (a sync: was not)
};

}  // namespace minikv::sim
