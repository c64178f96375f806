#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include "engine/base/thread_annotations.h"
#include "engine/io/file_system.h"
#include "engine/io/posix_file.h"

namespace minikv::engine {
namespace {

constexpr mode_t kDirectoryMode = 0750;
constexpr std::size_t kKeptDirectories = 16;

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead: return O_RDONLY;
    case OpenMode::kReadWrite: return O_RDWR;
    case OpenMode::kCreate: return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

bool is_directory(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// The directory that the entry is in.
std::string parent_of(const std::string& path) {
  std::filesystem::path entry(path);
  if (!entry.has_filename()) entry = entry.parent_path();  // "a/b/" is "a/b"
  const auto parent = entry.parent_path();
  return parent.empty() ? "." : parent.string();
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    auto descriptor = Descriptor::open(path, flags_of(mode));
    if (!descriptor) return descriptor.status();
    return make_posix_file(*std::move(descriptor), path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (std::rename(from.c_str(), to.c_str()) == 0) return Status::ok();
    return Status::from_errno(errno, fmt::format("rename {} to {}", from, to));
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) return Status::ok();
    return Status::from_errno(errno, fmt::format("remove {}", path));
  }

  Status create_dir(const std::string& path) override {
    const std::string parent = parent_of(path);
    if (is_directory(path)) {
      // Whoever made it may have died before it was durable. A parent that we may not read is none of ours.
      const Status synced = sync_dir(parent);
      return ::access(parent.c_str(), R_OK) == 0 ? synced : Status::ok();
    }
    if (!is_directory(parent) && parent != path) {
      if (Status above = create_dir(parent); !above) return above;
    }
    if (::mkdir(path.c_str(), kDirectoryMode) != 0 && !(errno == EEXIST && is_directory(path))) {
      return Status::from_errno(errno, fmt::format("create directory {}", path));
    }
    return sync_dir(parent);
  }

  Status sync_dir(const std::string& path) override {
    auto directory = open_directory(path);
    if (!directory) return directory.status();
    if (without_interruption([&] { return fsync((*directory)->fd()); }) == 0) return Status::ok();
    return Status::from_errno(errno, fmt::format("fsync directory {}", path));
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    std::error_code error;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return Status::from_errno(error.value(), fmt::format("list directory {}", path));
    return names;
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    return lock_posix_file(path, O_RDWR | O_CREAT);
  }

  // flock(2) is content with a descriptor for reading, so that this works on a read-only disk.
  Result<std::unique_ptr<FileLock>> lock_existing(const std::string& path) override {
    return lock_posix_file(path, O_RDONLY);
  }

  std::uint64_t page_waits() const override {
    struct rusage usage {};
    return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_majflt) : 0;
  }

  Result<std::uint64_t> free_space(const std::string& path) override {
    struct statvfs info {};
    if (without_interruption([&] { return statvfs(path.c_str(), &info); }) != 0) {
      return Status::from_errno(errno, fmt::format("statvfs {}", path));
    }
    return std::uint64_t{info.f_bavail} * info.f_frsize;
  }

 private:
  Result<std::shared_ptr<Descriptor>> open_directory(const std::string& path);

  Mutex mutex_;
  std::vector<std::shared_ptr<Descriptor>> directories_ MINIKV_GUARDED_BY(mutex_);
};

// Kept open: a store that has run out of descriptors must still be able to make durable what it did. The path may mean
// another directory by now; then that one is opened.
Result<std::shared_ptr<Descriptor>> PosixFileSystem::open_directory(const std::string& path) {
  MutexLock lock(mutex_);
  struct stat wanted {};
  struct stat known {};
  if (stat(path.c_str(), &wanted) == 0) {
    for (const auto& directory : directories_) {
      if (fstat(directory->fd(), &known) == 0 && known.st_dev == wanted.st_dev &&
          known.st_ino == wanted.st_ino) {
        return directory;
      }
    }
  }
  auto opened = Descriptor::open(path, O_RDONLY | O_DIRECTORY);
  if (!opened) return opened.status();
  if (directories_.size() == kKeptDirectories) directories_.erase(directories_.begin());
  return directories_.emplace_back(std::make_shared<Descriptor>(std::move(*opened)));
}

}  // namespace

FileSystem& FileSystem::posix() {
  static PosixFileSystem file_system;
  return file_system;
}

}  // namespace minikv::engine
