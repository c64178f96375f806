// Any number of data files, with a bounded number of descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/thread_annotations.h"
#include "engine/io/file_system.h"
#include "minikv/options.h"

namespace minikv::engine {

class DataFile;

// How the descriptors that a store may have are divided.
struct FileBudget {
  // Descriptors of files that are only read: such a file is kept open until others need its descriptor more.
  std::size_t kept_open = 0;
  // Threads that load segments when the store is opened, each with a segment and its hint.
  std::size_t load_threads = 1;
  // The maximum that the store needs beside kept_open: lock, manifest, log, and the segments that are being
  // sealed, prepared and compacted.
  std::size_t others = 0;

  static constexpr std::size_t kMinKeptOpen = 8;
  static constexpr std::size_t kMaxKeptOpen = 1024;

  // Divides up to `descriptors` in all. A store gets the minimum that it can work with in any case.
  static FileBudget divide(std::size_t descriptors, const Options& options);
  std::size_t total() const { return kept_open + others; }
};

// The files that share the descriptors: those that were used last are open. Each file keeps the pool alive,
// because readers may outlive the store.
//
// Thread safety: all members may be called from any thread.
class OpenFiles : public std::enable_shared_from_this<OpenFiles> {
 public:
  OpenFiles(std::shared_ptr<FileSystem> files, std::size_t most) : files_(std::move(files)), most_(most) {}

  // The file stays open until DataFile::allow_closing().
  Result<std::unique_ptr<DataFile>> open(const std::string& path, OpenMode mode);
  // The number of open files that may be closed.
  std::size_t open_now() const MINIKV_EXCLUDES(mutex_);
  std::size_t most() const { return most_; }

 private:
  friend class DataFile;

  // The file, which is opened if need be. Throws std::bad_alloc.
  Result<std::shared_ptr<File>> borrow(DataFile& file) MINIKV_EXCLUDES(mutex_);
  std::shared_ptr<File> borrow_if_open(DataFile& file) MINIKV_EXCLUDES(mutex_);
  void allow_closing(DataFile& file) MINIKV_EXCLUDES(mutex_);
  void forget(DataFile& file) MINIKV_EXCLUDES(mutex_);
  // Opens a file; if that fails, once more with a descriptor that was taken from another file.
  Result<std::shared_ptr<File>> open_file(const std::string& path, OpenMode mode) MINIKV_EXCLUDES(mutex_);

  void link(DataFile& file) MINIKV_REQUIRES(mutex_);
  void unlink(DataFile& file) MINIKV_REQUIRES(mutex_);
  // The file to close, which the caller does without the lock, because it takes a while. Null: no open file
  // may be closed.
  std::shared_ptr<File> take_oldest() MINIKV_REQUIRES(mutex_);

  const std::shared_ptr<FileSystem> files_;
  const std::size_t most_;
  mutable Mutex mutex_;
  // The open files that may be closed, linked to each other, so that a read allocates nothing.
  DataFile* newest_ MINIKV_GUARDED_BY(mutex_) = nullptr;
  DataFile* oldest_ MINIKV_GUARDED_BY(mutex_) = nullptr;
  std::size_t count_ MINIKV_GUARDED_BY(mutex_) = 0;
};

// A file of OpenFiles. It is open, and can be written, until allow_closing(). From then on it is only read,
// and a read opens it if need be: if that fails, the read returns the error.
//
// Thread safety: as File's; allow_closing() at any time.
class DataFile final : public File {
 public:
  DataFile(std::shared_ptr<OpenFiles> pool, std::string path, std::shared_ptr<File> file)
      : pool_(std::move(pool)), path_(std::move(path)), file_(std::move(file)) {}
  ~DataFile() override { pool_->forget(*this); }
  DataFile(const DataFile&) = delete;
  DataFile& operator=(const DataFile&) = delete;

  // The pool may close the file from now on: it is written no more.
  void allow_closing() { pool_->allow_closing(*this); }
  // Notes that the file has been renamed. Not while other threads read.
  void rename(std::string path) { path_ = std::move(path); }

  Result<std::uint64_t> size() const override;
  Status read(std::uint64_t offset, std::span<char> out) const override;
  Status read_pieces(std::uint64_t offset, std::span<const std::span<char>> pieces) const override;
  // Reads nothing of a file that is not open, because opening it may wait for the disk.
  Result<std::size_t> read_cached(std::uint64_t offset,
                                  std::span<const std::span<char>> pieces) const override;
  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override;
  Status sync() override;
  Status truncate(std::uint64_t size) override;
  bool has_no_name() const override;
  void drop_cache() override;
  Result<std::unique_ptr<Mapping>> map(std::uint64_t length) const override;

 private:
  friend class OpenFiles;

  template <typename Call>
  auto with_file(Call call) const -> decltype(call(std::declval<File&>()));

  const std::shared_ptr<OpenFiles> pool_;
  std::string path_;

  // Guarded by the pool's mutex.
  std::shared_ptr<File> file_;  // null: not open
  bool may_be_closed_ = false;
  DataFile* newer_ = nullptr;
  DataFile* older_ = nullptr;
};

}  // namespace minikv::engine
