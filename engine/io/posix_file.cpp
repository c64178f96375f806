// Calls on one open file, each repeated until it is done or fails.
#include "engine/io/posix_file.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <limits>

#include <fmt/format.h>

#include "engine/io/posix_mapping.h"

namespace minikv::engine {
namespace {

constexpr mode_t kFileMode = 0640;
constexpr std::size_t kMaxReadPieces = 4;  // of one call

Result<off_t> checked_offset(std::uint64_t offset, const char* call, const std::string& path) {
  if (offset <= static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
    return static_cast<off_t>(offset);
  return error_of(EFBIG, [&] { return fmt::format("{} {} at {}", call, path, offset); });
}

// The pieces of one write that have not been written yet, handed to pwritev(2) a bounded number at a time.
class UnwrittenPieces {
 public:
  explicit UnwrittenPieces(std::span<const std::string_view> pieces) : pieces_(pieces) {
    for (const std::string_view piece : pieces) bytes_ += piece.size();
  }

  std::size_t bytes() const { return bytes_; }

  // The next vectors; valid until the next call. Never empty while bytes() > 0.
  std::span<const iovec> vectors() {
    std::size_t count = 0;
    for (std::size_t i = next_; i < pieces_.size() && count < vectors_.size(); ++i) {
      const std::string_view piece = i == next_ ? pieces_[i].substr(done_) : pieces_[i];
      // iovec is shared with readv(2), hence not const; pwritev(2) only reads.
      if (!piece.empty()) vectors_[count++] = {const_cast<char*>(piece.data()), piece.size()};
    }
    return {vectors_.data(), count};
  }

  void advance(std::size_t written) {
    bytes_ -= written;
    done_ += written;
    while (next_ < pieces_.size() && done_ >= pieces_[next_].size()) done_ -= pieces_[next_++].size();
  }

 private:
  std::span<const std::string_view> pieces_;
  std::size_t next_ = 0;   // the first piece that is not written in full
  std::size_t done_ = 0;   // how much of it is
  std::size_t bytes_ = 0;  // not written yet
  std::array<iovec, std::min(IOV_MAX, 256)> vectors_;
};

// Up to kMaxReadPieces pieces for preadv(2); further ones are left out.
class Vectors {
 public:
  explicit Vectors(std::span<const std::span<char>> pieces)
      : count_(std::min(pieces.size(), vectors_.size())) {
    for (std::size_t i = 0; i < count_; ++i) {
      vectors_[i] = {pieces[i].data(), pieces[i].size()};
      bytes_ += pieces[i].size();
    }
  }
  const iovec* data() const { return vectors_.data(); }
  int count() const { return static_cast<int>(count_); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::array<iovec, kMaxReadPieces> vectors_;
  std::size_t count_;
  std::size_t bytes_ = 0;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::uint64_t> size() const override {
    struct stat info{};
    if (fstat(fd(), &info) != 0) return error("stat");
    return static_cast<std::uint64_t>(info.st_size);
  }

  Status read(std::uint64_t offset, std::span<char> out) const override {
    MINIKV_ASSIGN_OR_RETURN(auto position, checked_offset(offset, "read", path_));
    while (!out.empty()) {
      const ssize_t count =
          without_interruption([&] { return pread(fd(), out.data(), out.size(), position); });
      if (count < 0) return error("read", position, out.size());
      if (count == 0) {
        return {StatusCode::kIoError,
                fmt::format("read {}: the file ends at {}, {} bytes too early", path_, position, out.size())};
      }
      out = out.subspan(static_cast<std::size_t>(count));
      position += count;
    }
    return Status::ok();
  }

  // One system call, nearly always: read() reads the bytes that it leaves.
  Status read_pieces(std::uint64_t offset, std::span<const std::span<char>> pieces) const override {
    MINIKV_ASSIGN_OR_RETURN(const auto position, checked_offset(offset, "read", path_));
    const Vectors vectors(pieces);
    const ssize_t count =
        without_interruption([&] { return preadv(fd(), vectors.data(), vectors.count(), position); });
    if (count < 0) return error("read", position, vectors.bytes());
    auto done = static_cast<std::size_t>(count);
    for (const std::span<char> piece : pieces) {
      const std::size_t have = std::min(done, piece.size());
      done -= have;
      MINIKV_TRY(read(offset + have, piece.subspan(have)));
      offset += piece.size();
    }
    return Status::ok();
  }

  Result<std::size_t> read_cached(std::uint64_t offset,
                                  std::span<const std::span<char>> pieces) const override {
    MINIKV_ASSIGN_OR_RETURN(const auto position, checked_offset(offset, "read", path_));
    const Vectors vectors(pieces);
    return read_cached(position, vectors);
  }

  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    MINIKV_ASSIGN_OR_RETURN(auto position, checked_offset(offset, "write", path_));
    UnwrittenPieces remaining(pieces);
    while (remaining.bytes() > 0) {
      const auto vectors = remaining.vectors();
      const ssize_t count = without_interruption(
          [&] { return pwritev(fd(), vectors.data(), static_cast<int>(vectors.size()), position); });
      if (count < 0) return error("write", position, remaining.bytes());
      if (count == 0) {  // no regular file does this; without an error the loop would not end
        return {StatusCode::kIoError, fmt::format("write {} at {}: nothing was written", path_, position)};
      }
      remaining.advance(static_cast<std::size_t>(count));
      position += count;
    }
    return Status::ok();
  }

  Status sync() override {
    if (without_interruption([&] { return fdatasync(fd()); }) != 0) return error("fdatasync");
    return Status::ok();
  }

  Status truncate(std::uint64_t size) override {
    MINIKV_ASSIGN_OR_RETURN(const auto length, checked_offset(size, "truncate", path_));
    if (without_interruption([&] { return ftruncate(fd(), length); }) != 0) {
      return error_of(errno, [&] { return fmt::format("truncate {} to {}", path_, size); });
    }
    return Status::ok();
  }

  Result<bool> allocate(std::uint64_t size) override {
    MINIKV_ASSIGN_OR_RETURN(const auto length, checked_offset(size, "allocate", path_));
    if (without_interruption([&] { return fallocate(fd(), 0, 0, length); }) == 0) return true;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM) return false;
    return error_of(errno, [&] { return fmt::format("allocate {} bytes of {}", size, path_); });
  }

  // The kernel grants a lease for writing to the only descriptor of a file. If another process opened the
  // file meanwhile, the kernel would send a signal, which is one that does nothing.
  bool is_shared() const override {
    struct stat info{};
    if (fstat(fd(), &info) != 0 || info.st_nlink != 1) return true;
    if (fcntl(fd(), F_SETSIG, SIGURG) != 0 || fcntl(fd(), F_SETLEASE, F_WRLCK) != 0) return true;
    return fcntl(fd(), F_SETLEASE, F_UNLCK) != 0;
  }

  bool has_no_name() const override {
    struct stat info{};
    return fstat(fd(), &info) == 0 && info.st_nlink == 0;
  }

  void drop_cache() override { posix_fadvise(fd(), 0, 0, POSIX_FADV_DONTNEED); }

  Result<std::unique_ptr<Mapping>> map(std::uint64_t length) const override {
    return map_posix_file(fd(), path_, length);
  }

 private:
  // Whether a read can be told not to wait for the disk.
  enum class Cached : std::uint8_t { kYes, kAlways, kNever };

  int fd() const { return descriptor_.fd(); }

  Result<std::size_t> read_cached(off_t position, const Vectors& vectors) const {
    const Cached cached = cached_.load(std::memory_order_relaxed);
    if (cached == Cached::kNever) return std::size_t{0};
    const int flags = cached == Cached::kYes ? RWF_NOWAIT : 0;
    const ssize_t got =
        without_interruption([&] { return preadv2(fd(), vectors.data(), vectors.count(), position, flags); });
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) return std::size_t{0};
    if (flags == 0 || errno != EOPNOTSUPP) return error("read");
    // tmpfs refuses the flag because it never waits; others (overlays, network file systems) can't tell.
    struct statfs info{};
    const bool is_memory =
        fstatfs(fd(), &info) == 0 && (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
    cached_.store(is_memory ? Cached::kAlways : Cached::kNever, std::memory_order_relaxed);
    return read_cached(position, vectors);
  }

  Status error(const char* call) const {
    return error_of(errno, [&] { return fmt::format("{} {}", call, path_); });
  }
  Status error(const char* call, off_t offset, std::size_t length) const {
    return error_of(errno, [&] { return fmt::format("{} {} at {}, {} bytes", call, path_, offset, length); });
  }

  Descriptor descriptor_;
  std::string path_;
  mutable std::atomic<Cached> cached_{Cached::kYes};
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

}  // namespace

Descriptor::~Descriptor() {
  // close() is not repeated after EINTR: Linux has closed the descriptor by then, and another file may have
  // its number already.
  if (fd_ >= 0) ::close(fd_);
}

Result<Descriptor> Descriptor::open(const std::string& path, int flags) {
  return open_at(AT_FDCWD, path.c_str(), flags, path);
}

Result<Descriptor> Descriptor::open_at(int directory, const char* name, int flags, const std::string& path) {
  const int fd =
      without_interruption([&] { return ::openat(directory, name, flags | O_CLOEXEC, kFileMode); });
  if (fd < 0) return error_of(errno, [&] { return fmt::format("open {}", path); });
  if (fd > STDERR_FILENO) return Descriptor(fd);
  // A program may have closed one of its standard descriptors: its output to that must not go into a data
  // file.
  const Descriptor low(fd);
  const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (high < 0) return error_of(errno, [&] { return fmt::format("open {}", path); });
  return Descriptor(high);
}

std::unique_ptr<File> make_posix_file(Descriptor descriptor, std::string path) {
  return std::make_unique<PosixFile>(std::move(descriptor), std::move(path));
}

Result<std::unique_ptr<FileLock>> lock_posix_file(Descriptor descriptor, const std::string& path) {
  if (without_interruption([&] { return flock(descriptor.fd(), LOCK_EX | LOCK_NB); }) != 0) {
    return error_of(errno, [&] { return fmt::format("lock {}", path); });
  }
  return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(descriptor)));
}

}  // namespace minikv::engine
