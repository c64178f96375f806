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
  // Of files that are only read: kept open until others need them more.
  std::size_t kept_open = 0;
  // Threads that load segments when the store is opened, each with a segment and its hint.
  std::size_t load_threads = 1;
  // What the store needs beside kept_open at the most: lock, manifest, log, what is being sealed, prepared
  // and compacted.
  std::size_t others = 0;

  static constexpr std::size_t kLeastKeptOpen = 8;
  static constexpr std::size_t kMostKeptOpen = 1024;

  // Of at most `descriptors` in all. The least that a store can work with is what it gets in any case.
  static FileBudget divide(std::size_t descriptors, const Options& options);
  std::size_t total() const { return kept_open + others; }
};

// The files among which the descriptors go around: those that were used last are open. Outlives whoever reads
// from one of its files, as readers do the store.
//
// Thread safety: all members may be called from any thread.
class OpenFiles : public std::enable_shared_from_this<OpenFiles> {
 public:
  OpenFiles(std::shared_ptr<FileSystem> files, std::size_t most) : files_(std::move(files)), most_(most) {}

  // Open for as long as it is not settled.
  Result<std::unique_ptr<DataFile>> open(const std::string& path, OpenMode mode);
  // Settled files that are open now.
  std::size_t open_now() const MINIKV_EXCLUDES(mutex_);
  std::size_t most() const { return most_; }

 private:
  friend class DataFile;

  // The open file. Throws std::bad_alloc.
  Result<std::shared_ptr<File>> borrow(DataFile& file) MINIKV_EXCLUDES(mutex_);
  std::shared_ptr<File> borrow_if_open(DataFile& file) MINIKV_EXCLUDES(mutex_);
  void settle(DataFile& file) MINIKV_EXCLUDES(mutex_);
  bool hold(DataFile& file, std::shared_ptr<File> open) MINIKV_EXCLUDES(mutex_);
  void forget(DataFile& file) MINIKV_EXCLUDES(mutex_);
  // Opens it; where that fails, once more with a descriptor that was taken from another file.
  Result<std::shared_ptr<File>> open_file(const std::string& path, OpenMode mode) MINIKV_EXCLUDES(mutex_);

  void link(DataFile& file) MINIKV_REQUIRES(mutex_);
  void unlink(DataFile& file) MINIKV_REQUIRES(mutex_);
  // What is to be closed, which takes a while and is done without the lock; null: no file is open that need
  // not be.
  std::shared_ptr<File> take_oldest() MINIKV_REQUIRES(mutex_);

  const std::shared_ptr<FileSystem> files_;
  const std::size_t most_;
  mutable Mutex mutex_;
  // Settled and open, linked to each other, so that nothing is allocated in the midst of a read.
  DataFile* newest_ MINIKV_GUARDED_BY(mutex_) = nullptr;
  DataFile* oldest_ MINIKV_GUARDED_BY(mutex_) = nullptr;
  std::size_t count_ MINIKV_GUARDED_BY(mutex_) = 0;
};

// A file of OpenFiles. Until it is settled it is open, and can be written. From then on it is only read, and
// opened when it is needed: what can't be opened then is an error of that read.
//
// Thread safety: as File's; settle() and hold() at any time.
class DataFile final : public File {
 public:
  DataFile(std::shared_ptr<OpenFiles> pool, std::string path, std::shared_ptr<File> file)
      : pool_(std::move(pool)), path_(std::move(path)), file_(std::move(file)) {}
  ~DataFile() override { pool_->forget(*this); }
  DataFile(const DataFile&) = delete;
  DataFile& operator=(const DataFile&) = delete;

  // It is written no more.
  void settle() { pool_->settle(*this); }
  // Opens it for writing, and open it stays. What it did before is the case if it fails.
  Status hold();
  // Its name is another one now. Not while others read.
  void rename(std::string path) { path_ = std::move(path); }

  Result<std::uint64_t> size() const override;
  Status read(std::uint64_t offset, std::span<char> out) const override;
  Status read_pieces(std::uint64_t offset, std::span<const std::span<char>> pieces) const override;
  // Of a file that is not open: nothing, as opening it may wait for the disk.
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
  bool is_settled_ = false;
  DataFile* newer_ = nullptr;
  DataFile* older_ = nullptr;
};

}  // namespace minikv::engine
