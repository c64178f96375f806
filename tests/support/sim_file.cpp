// Reads, writes and syncs of one open file, each of which the file system may fail or cut short.
#include "tests/support/sim_file.h"

#include <algorithm>
#include <cerrno>

namespace minikv::sim {
using engine::MutexLock;
using Kind = SimCall::Kind;

Result<std::uint64_t> SimFile::size() const {
  MutexLock lock(fs_.mutex_);
  const auto verdict = fs_.begin({.kind = Kind::kSize, .path = path_});
  if (verdict.error != 0) return fs_.answer(verdict.error);
  return fs_.disk_.inode(inode_).live().size();
}

Status SimFile::read(std::uint64_t offset, std::span<char> out) const {
  MutexLock lock(fs_.mutex_);
  const auto verdict =
      fs_.begin({.kind = Kind::kRead, .path = path_, .offset = offset, .length = out.size()});
  if (verdict.error != 0) return fs_.answer(verdict.error);
  const SimContent& content = fs_.disk_.inode(inode_).live();
  if (out.empty()) return Status::ok();
  if (offset > content.size() || out.size() > content.size() - offset) {
    return fs_.answer(EIO).with_context("the file ends too early");
  }
  content.read(offset, out);
  fs_.bring_in(inode_, offset, out.size());
  return Status::ok();
}

// One call, as far as faults and the log are concerned.
Status SimFile::read_pieces(std::uint64_t offset, std::span<const std::span<char>> pieces) const {
  std::size_t bytes = 0;
  for (const std::span<char> piece : pieces) bytes += piece.size();
  std::string whole(bytes, '\0');
  if (Status done = read(offset, whole); !done) return done;
  std::size_t from = 0;
  for (const std::span<char> piece : pieces) from += whole.copy(piece.data(), piece.size(), from);
  return Status::ok();
}

Result<std::size_t> SimFile::read_cached(std::uint64_t offset,
                                         std::span<const std::span<char>> pieces) const {
  std::size_t wanted = 0;
  for (const std::span<char> piece : pieces) wanted += piece.size();
  MutexLock lock(fs_.mutex_);
  const auto verdict =
      fs_.begin({.kind = Kind::kReadCached, .path = path_, .offset = offset, .length = wanted});
  if (verdict.error != 0) return fs_.answer(verdict.error);
  const SimContent& content = fs_.disk_.inode(inode_).live();
  const std::uint64_t left = content.size() - std::min(offset, content.size());
  const auto got =
      static_cast<std::size_t>(fs_.cached_bytes(inode_, offset, std::min<std::uint64_t>(wanted, left)));
  std::size_t done = 0;
  for (const std::span<char> piece : pieces) {
    const std::size_t count = std::min(piece.size(), got - done);
    content.read(offset + done, piece.first(count));
    done += count;
  }
  return got;
}

Status SimFile::write(std::uint64_t offset, std::span<const std::string_view> pieces) {
  std::string bytes;
  for (const std::string_view piece : pieces) bytes += piece;
  MutexLock lock(fs_.mutex_);
  auto verdict = fs_.begin({.kind = Kind::kWrite, .path = path_, .offset = offset, .length = bytes.size()});
  if (!writable_) return fs_.answer(EBADF);
  if (!verdict.done) return fs_.answer(verdict.error);
  if (verdict.half) bytes.resize(bytes.size() / 2);

  const std::uint64_t size = fs_.disk_.inode(inode_).live().size();
  if (fs_.capacity_ && offset + bytes.size() > size) {
    const std::uint64_t used = fs_.disk_.live_bytes();
    const std::uint64_t end = size + (*fs_.capacity_ > used ? *fs_.capacity_ - used : 0);
    if (offset + bytes.size() > end) {
      bytes.resize(end > offset ? end - offset : 0);
      if (verdict.error == 0) verdict.error = ENOSPC;
    }
  }
  fs_.disk_.own_inode(inode_).write(offset, bytes, ++fs_.disk_.last_change_);
  fs_.bring_in(inode_, offset, bytes.size());
  fs_.leave_snapshot();
  return fs_.answer(verdict.error);
}

Status SimFile::sync() {
  MutexLock lock(fs_.mutex_);
  const auto verdict = fs_.begin({.kind = Kind::kSync, .path = path_});
  fs_.leave_snapshot();
  if (verdict.error == 0) {
    fs_.disk_.own_inode(inode_).sync();
  } else if (!fs_.is_dead()) {
    fs_.disk_.own_inode(inode_).fail_sync();
  }
  return fs_.answer(verdict.error);
}

Status SimFile::truncate(std::uint64_t size) {
  MutexLock lock(fs_.mutex_);
  const auto verdict = fs_.begin({.kind = Kind::kTruncate, .path = path_, .length = size});
  if (!writable_) return fs_.answer(EBADF);
  if (!verdict.done || verdict.half) return fs_.answer(verdict.error);
  fs_.disk_.own_inode(inode_).truncate(size, ++fs_.disk_.last_change_);
  fs_.leave_snapshot();
  return fs_.answer(verdict.error);
}

// Where there is room for a part only, the file keeps that part.
Result<bool> SimFile::allocate(std::uint64_t size) {
  MutexLock lock(fs_.mutex_);
  auto verdict = fs_.begin({.kind = Kind::kAllocate, .path = path_, .length = size});
  if (!writable_) return fs_.answer(EBADF);
  if (!verdict.done) return fs_.answer(verdict.error);
  if (!fs_.can_allocate_) return false;
  const std::uint64_t before = fs_.disk_.inode(inode_).live().size();
  std::uint64_t end = std::max(size, before);
  if (verdict.half) end = before + (end - before) / 2;
  if (fs_.capacity_) {
    const std::uint64_t used = fs_.disk_.live_bytes();
    const std::uint64_t most = before + (*fs_.capacity_ > used ? *fs_.capacity_ - used : 0);
    if (end > most && verdict.error == 0) verdict.error = ENOSPC;
    end = std::min(end, std::max(most, before));
  }
  fs_.disk_.own_inode(inode_).truncate(end, ++fs_.disk_.last_change_);
  fs_.leave_snapshot();
  if (verdict.error != 0) return fs_.answer(verdict.error);
  return true;
}

bool SimFile::is_shared() const {
  MutexLock lock(fs_.mutex_);
  return fs_.disk_.names_of(inode_) != 1;
}

bool SimFile::has_no_name() const {
  MutexLock lock(fs_.mutex_);
  return fs_.disk_.names_of(inode_) == 0;
}

void SimFile::drop_cache() {
  MutexLock lock(fs_.mutex_);
  const auto verdict = fs_.begin({.kind = Kind::kDropCache, .path = path_});
  if (verdict.error == 0) fs_.disk_.own_inode(inode_).drop_cache();
}

Result<std::unique_ptr<engine::Mapping>> SimFile::map(std::uint64_t length) const {
  MutexLock lock(fs_.mutex_);
  const auto verdict = fs_.begin({.kind = Kind::kMap, .path = path_, .length = length});
  if (verdict.error != 0) return fs_.answer(verdict.error);
  return std::unique_ptr<engine::Mapping>(
      std::make_unique<SimMapping>(fs_, inode_, path_, std::min(length, fs_.most_mapped_)));
}

Status SimMapping::copy(std::uint64_t offset, std::span<char> out) const {
  MutexLock lock(fs_.mutex_);
  const auto verdict =
      fs_.begin({.kind = Kind::kCopy, .path = path_, .offset = offset, .length = out.size()});
  if (verdict.error != 0) return fs_.answer(verdict.error);
  if (out.empty()) return Status::ok();
  const SimContent& content = fs_.disk_.inode(inode_).live();
  const std::uint64_t readable = (content.size() + fs_.kPageBytes - 1) / fs_.kPageBytes * fs_.kPageBytes;
  const std::uint64_t end = std::min(readable, length_);
  if (offset > end || out.size() > end - offset) return fs_.answer(EIO).with_context("beyond the end");
  if (fs_.cached_bytes(inode_, offset, out.size()) < out.size()) ++fs_.page_faults_;
  fs_.bring_in(inode_, offset, out.size());
  content.read(offset, out);
  return Status::ok();
}

SimFileLock::~SimFileLock() {
  MutexLock lock(fs_.mutex_);
  fs_.locks_.erase(path_);
}

SimLockedDirectory::~SimLockedDirectory() {
  const engine::MutexLock lock(fs_.mutex_);
  fs_.locks_.erase(path_ + "/");
}

// It can't be moved.
std::shared_ptr<engine::FileSystem> SimLockedDirectory::files() { return {std::shared_ptr<void>(), &fs_}; }

}  // namespace minikv::sim
