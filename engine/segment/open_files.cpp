// Sealed segments are opened as they are read, and the longest unused one is closed.
#include "engine/segment/open_files.h"

#include <algorithm>
#include <new>
#include <utility>

#include "engine/base/out_of_memory.h"

namespace minikv::engine {
namespace {

// The descriptors of the lock (two), the manifest and its successor, the log, the segment that is being
// sealed, the spare and the next one, a hint, a segment that gives back its room, the directory's entries
// while they are listed, and a few in between.
constexpr std::size_t kOthers = 16;
// The segment that a compaction writes, its hint, and the segment that it reads.
constexpr std::size_t kPerCompaction = 3;
constexpr std::size_t kMaxLoadThreads = 8;
constexpr std::size_t kPerLoadThread = 2;

}  // namespace

FileBudget FileBudget::divide(std::size_t descriptors, const Options& options) {
  FileBudget budget;
  // A reader may be reading a file that is not kept open any more.
  budget.others = kOthers + kPerCompaction * options.compaction_threads + options.reader_threads;
  const std::size_t left = descriptors > budget.others ? descriptors - budget.others : 0;
  budget.kept_open = std::clamp(left / 2, kMinKeptOpen, kMaxKeptOpen);
  budget.load_threads = std::clamp(left / kPerLoadThread, std::size_t{1}, kMaxLoadThreads);
  return budget;
}

// ---- OpenFiles ----

Result<std::unique_ptr<DataFile>> OpenFiles::open(const std::string& path, OpenMode mode) {
  MINIKV_ASSIGN_OR_RETURN(auto opened, open_file(path, mode));
  return std::make_unique<DataFile>(shared_from_this(), path, std::move(opened));
}

Result<std::shared_ptr<File>> OpenFiles::open_file(const std::string& path, OpenMode mode) {
  auto opened = files_->open(path, mode);
  if (!opened && opened.code() != StatusCode::kNotFound) {
    std::shared_ptr<File> closed;
    {
      MutexLock lock(mutex_);
      closed = take_oldest();
    }
    if (!closed) return opened.status();
    closed.reset();
    opened = files_->open(path, mode);
  }
  if (!opened) return opened.status();
  return std::shared_ptr<File>(*std::move(opened));
}

std::size_t OpenFiles::open_now() const {
  MutexLock lock(mutex_);
  return count_;
}

std::shared_ptr<File> OpenFiles::borrow_if_open(DataFile& file) {
  MutexLock lock(mutex_);
  if (file.file_ && file.may_be_closed_ && newest_ != &file) {
    unlink(file);
    link(file);
  }
  return file.file_;
}

Result<std::shared_ptr<File>> OpenFiles::borrow(DataFile& file) {
  if (auto open = borrow_if_open(file)) return open;
  auto opened = open_file(file.path_, OpenMode::kRead);
  // The index names the file: kNotFound would pass for a key that does not exist.
  if (opened.code() == StatusCode::kNotFound) return {StatusCode::kIoError, opened.status().message()};
  if (!opened) return opened;
  std::shared_ptr<File> closed;
  MutexLock lock(mutex_);
  if (file.file_) return file.file_;  // another reader was faster
  file.file_ = *opened;
  link(file);
  if (count_ > most_) closed = take_oldest();
  return opened;
}

void OpenFiles::allow_closing(DataFile& file) {
  std::shared_ptr<File> closed;
  MutexLock lock(mutex_);
  if (file.may_be_closed_) return;
  file.may_be_closed_ = true;
  link(file);
  if (count_ > most_) closed = take_oldest();
}

void OpenFiles::forget(DataFile& file) {
  MutexLock lock(mutex_);
  if (file.may_be_closed_ && file.file_) unlink(file);
}

void OpenFiles::link(DataFile& file) {
  file.older_ = newest_;
  file.newer_ = nullptr;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = &file;
  newest_ = &file;
  ++count_;
}

void OpenFiles::unlink(DataFile& file) {
  (file.newer_ != nullptr ? file.newer_->older_ : newest_) = file.older_;
  (file.older_ != nullptr ? file.older_->newer_ : oldest_) = file.newer_;
  --count_;
}

std::shared_ptr<File> OpenFiles::take_oldest() {
  DataFile* const oldest = oldest_;
  if (oldest == nullptr) return nullptr;
  unlink(*oldest);
  return std::exchange(oldest->file_, nullptr);
}

// ---- DataFile ----

// Returns what `call(file)` returns, or the error with which the file could not be opened.
template <typename Call>
auto DataFile::with_file(Call call) const -> decltype(call(std::declval<File&>())) {
  std::shared_ptr<File> file;
  const Status failed = without_throwing([&] {
    MINIKV_ASSIGN_OR_RETURN(file, pool_->borrow(const_cast<DataFile&>(*this)));
    return Status();
  });
  if (!file) return failed;
  return call(*file);
}

Result<std::uint64_t> DataFile::size() const {
  return with_file([](File& file) { return file.size(); });
}

Status DataFile::read(std::uint64_t offset, std::span<char> out) const {
  return with_file([&](File& file) { return file.read(offset, out); });
}

Status DataFile::read_pieces(std::uint64_t offset, std::span<const std::span<char>> pieces) const {
  return with_file([&](File& file) { return file.read_pieces(offset, pieces); });
}

Result<std::size_t> DataFile::read_cached(std::uint64_t offset,
                                          std::span<const std::span<char>> pieces) const {
  const auto file = pool_->borrow_if_open(const_cast<DataFile&>(*this));
  return file ? file->read_cached(offset, pieces) : Result<std::size_t>(std::size_t{0});
}

Status DataFile::write(std::uint64_t offset, std::span<const std::string_view> pieces) {
  return with_file([&](File& file) { return file.write(offset, pieces); });
}

Status DataFile::sync() {
  return with_file([](File& file) { return file.sync(); });
}

Status DataFile::truncate(std::uint64_t size) {
  return with_file([&](File& file) { return file.truncate(size); });
}

bool DataFile::has_no_name() const {
  const auto file = pool_->borrow_if_open(const_cast<DataFile&>(*this));
  return file && file->has_no_name();
}

void DataFile::drop_cache() {
  if (const auto file = pool_->borrow_if_open(*this)) file->drop_cache();
}

Result<std::unique_ptr<Mapping>> DataFile::map(std::uint64_t length) const {
  return with_file([&](File& file) { return file.map(length); });
}

}  // namespace minikv::engine

std::uint64_t minikv::least_open_files(const Options& options) {
  return engine::FileBudget::divide(0, options).total();
}
