// The only interface between the engine and a disk. Tests put a simulated disk behind it, which knows what
// was synced, and can crash, tear, fail and fill up at any call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "minikv/status.h"

namespace minikv::engine {

// A memory-mapped file, read by copying out of it. No caller ever holds a pointer into it, and no system call
// is ever handed one: so a page that can't be read (SIGBUS) becomes a kIoError of that one copy.
//
// Thread safety: copy() may be called by any number of threads at once. Bytes that are being written at the
// same time come out as either; the caller reads only what it knows to have been written.
class Mapping {
 public:
  virtual ~Mapping() = default;
  // How many bytes it covers, from the file's first one on.
  virtual std::uint64_t length() const = 0;
  // Fills `out` from `offset`. Beyond the mapping, beyond the page that the file ends in, or on a page that
  // can't be read: kIoError. Between the file's end and the end of its page there are zeros.
  virtual Status copy(std::uint64_t offset, std::span<char> out) const = 0;
  // Prefetches bytes that will be copied soon, as far as the processor can. Never waits, never fails.
  virtual void prefetch(std::uint64_t /*offset*/, std::uint64_t /*length*/) const {}
};

// One open file. A call that fails returns a Status, even if there is no memory for its message.
// Thread safety: distinct offsets may be read and written at once; truncate() and what overlaps it may not.
class File {
 public:
  virtual ~File() = default;

  virtual Result<std::uint64_t> size() const = 0;
  // Reads exactly out.size() bytes; a file that ends before is a kIoError that says so.
  virtual Status read(std::uint64_t offset, std::span<char> out) const = 0;
  // The same into several pieces, one behind the other.
  virtual Status read_pieces(std::uint64_t offset, std::span<const std::span<char>> pieces) const {
    for (const std::span<char> piece : pieces) {
      if (Status done = read(offset, piece); !done) return done;
      offset += piece.size();
    }
    return {};
  }
  // Fills the pieces, one behind the other, with the bytes from `offset` on that can be had without waiting
  // for the disk. Returns how many bytes that was: fewer than there is room for, perhaps none, if the rest is
  // not in memory, the file system can't tell, or the file ends.
  virtual Result<std::size_t> read_cached(std::uint64_t /*offset*/,
                                          std::span<const std::span<char>> /*pieces*/) const {
    return std::size_t{0};
  }
  // Writes all pieces, one behind the other, beginning at `offset`. On an error any part of them may have
  // been written.
  virtual Status write(std::uint64_t offset, std::span<const std::string_view> pieces) = 0;
  // fdatasync: when it returns ok, every write that had returned before the call survives a power cut, and so
  // does the size. After an error nothing is known about them, and a later success does not change that.
  virtual Status sync() = 0;
  // Sets the size; not durable before the next sync().
  virtual Status truncate(std::uint64_t size) = 0;
  // Takes room on the disk for all bytes up to `size`, which becomes the file's size if it was less; bytes
  // that were not written read as zeros. Not durable before the next sync(). kDiskFull: there is no such
  // room. False: the file system can't do that, and nothing has changed.
  virtual Result<bool> allocate(std::uint64_t /*size*/) { return false; }
  // Whether the file can be reached by another name, or by another descriptor of any process. True where that
  // can't be told.
  virtual bool is_shared() const { return true; }
  // Whether all names of the file have been removed: only processes that have it open can still reach it.
  virtual bool has_no_name() const { return false; }
  // Forgets cached pages, so that the next read shows what the disk holds. Advice; failures do not matter.
  virtual void drop_cache() = 0;
  // Maps the first `length` bytes, which may reach beyond the end of a file that is still growing. If the
  // process may have few addresses (`ulimit -v`), the mapping covers fewer bytes, perhaps none.
  virtual Result<std::unique_ptr<Mapping>> map(std::uint64_t length) const = 0;
};

enum class OpenMode : std::uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // must not exist; read and write
};

// A lock that is held for as long as the object lives.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem;

// A directory that is locked against every other process and every other LockedDirectory, whatever path they
// use: through a bind mount, a symbolic link or another name. It is locked for as long as the object lives.
class LockedDirectory {
 public:
  virtual ~LockedDirectory() = default;
  // False where the file system can't lock directories, as some network file systems.
  virtual bool is_locked() const = 0;
  // A file system in which paths below the one that was locked lead to files of this directory, even if the
  // directory has been moved since, or another has taken its name. May outlive the lock.
  virtual std::shared_ptr<FileSystem> files() = 0;
};

// Thread safety: all members may be called from any thread.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  // Replaces `to` if it exists. Durable after sync_dir() of the directory.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  // Durable after sync_dir() of the directory.
  virtual Status remove(const std::string& path) = 0;
  // Makes the directory and, if they are missing, those above it; fine if it exists. Durable when it returns.
  virtual Status create_dir(const std::string& path) = 0;
  // Directory entries created, renamed and removed before the call survive a power cut once it returned ok.
  virtual Status sync_dir(const std::string& path) = 0;
  // Names (without the path) of all entries but "." and "..". kNotFound: there is no such directory.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  // Creates the file if needed and locks it against every other process and every other FileLock. kLocked: it
  // is taken.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  // The same for a process that only reads: creates no file. kNotFound: there is no such file.
  virtual Result<std::unique_ptr<FileLock>> lock_existing(const std::string& path) = 0;
  // Locks the directory at `path`. kLocked: it is taken.
  virtual Result<std::unique_ptr<LockedDirectory>> lock_directory(const std::string& path) = 0;
  // How many more files this process may have open; nothing where that can't be told.
  virtual std::optional<std::uint64_t> free_descriptors() const { return std::nullopt; }
  // How often threads of this process have had to wait for a page that was not in memory. Never less than
  // before; 0 where it can't be told.
  virtual std::uint64_t page_waits() const { return 0; }
  // Bytes that this process may still write there.
  virtual Result<std::uint64_t> free_space(const std::string& path) = 0;

  // The operating system's.
  static FileSystem& posix();
};

}  // namespace minikv::engine
