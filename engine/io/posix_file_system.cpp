// Calls on names: open, rename, remove, list, sync of a directory.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

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
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// The directory that the entry is in.
std::string parent_of(const std::string& path) {
  std::filesystem::path entry(path);
  if (!entry.has_filename()) entry = entry.parent_path();  // "a/b/" is "a/b"
  const auto parent = entry.parent_path();
  return parent.empty() ? "." : parent.string();
}

// The names in a directory that is open for reading; closes it.
Result<std::vector<std::string>> list_entries(DIR* directory, const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(directory, &::closedir);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry =
        ::readdir(entries.get());  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return error_of(errno, [&] { return fmt::format("list directory {}", path); });
  return names;
}

Status renamed(int result, const std::string& from, const std::string& to) {
  return result == 0 ? Status() : error_of(errno, [&] { return fmt::format("rename {} to {}", from, to); });
}

Status removed(int result, const std::string& path) {
  return result == 0 ? Status() : error_of(errno, [&] { return fmt::format("remove {}", path); });
}

Status synced_directory(int fd, const std::string& path) {
  if (without_interruption([&] { return fsync(fd); }) == 0) return {};
  return error_of(errno, [&] { return fmt::format("fsync directory {}", path); });
}

std::uint64_t free_bytes(const struct statvfs& info) { return std::uint64_t{info.f_bavail} * info.f_frsize; }

// The number of descriptors that the process has open, without the one that this function takes.
std::optional<std::uint64_t> count_descriptors() {
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return std::nullopt;
  const auto entries = list_entries(directory, "/proc/self/fd");
  if (!entries) return std::nullopt;
  return entries->size() - 1;
}

Result<std::unique_ptr<FileLock>> lock_descriptor(Result<Descriptor> descriptor, const std::string& path) {
  if (!descriptor) return descriptor.status();
  return lock_posix_file(*std::move(descriptor), path);
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    MINIKV_ASSIGN_OR_RETURN(auto descriptor, Descriptor::open(path, flags_of(mode)));
    return make_posix_file(std::move(descriptor), path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    return renamed(std::rename(from.c_str(), to.c_str()), from, to);
  }

  Status remove(const std::string& path) override { return removed(::unlink(path.c_str()), path); }

  Status create_dir(const std::string& path) override {
    const std::string parent = parent_of(path);
    if (is_directory(path)) {
      // The process that made it may have died before it was durable. A parent that this process may not read
      // does not belong to the store.
      const Status synced = sync_dir(parent);
      return ::access(parent.c_str(), R_OK) == 0 ? synced : Status::ok();
    }
    if (!is_directory(parent) && parent != path) {
      if (Status above = create_dir(parent); !above) return above;
    }
    if (::mkdir(path.c_str(), kDirectoryMode) != 0 && !(errno == EEXIST && is_directory(path))) {
      return error_of(errno, [&] { return fmt::format("create directory {}", path); });
    }
    return sync_dir(parent);
  }

  Status sync_dir(const std::string& path) override {
    MINIKV_ASSIGN_OR_RETURN(auto directory, open_directory(path));
    return synced_directory(directory->fd(), path);
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    DIR* const directory = ::opendir(path.c_str());
    if (directory == nullptr) return error_of(errno, [&] { return fmt::format("list directory {}", path); });
    return list_entries(directory, path);
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    return lock_descriptor(Descriptor::open(path, O_RDWR | O_CREAT), path);
  }

  // flock(2) accepts a descriptor for reading, so that this works on a read-only disk.
  Result<std::unique_ptr<FileLock>> lock_existing(const std::string& path) override {
    return lock_descriptor(Descriptor::open(path, O_RDONLY), path);
  }

  Result<std::unique_ptr<LockedDirectory>> lock_directory(const std::string& path) override;

  std::optional<std::uint64_t> free_descriptors() const override {
    struct rlimit files{};
    const auto open_now = count_descriptors();
    if (!open_now || getrlimit(RLIMIT_NOFILE, &files) != 0) return std::nullopt;
    return files.rlim_cur > *open_now ? files.rlim_cur - *open_now : 0;
  }

  std::uint64_t page_waits() const override {
    struct rusage usage{};
    return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_majflt) : 0;
  }

  Result<std::uint64_t> free_space(const std::string& path) override {
    struct statvfs info{};
    if (without_interruption([&] { return statvfs(path.c_str(), &info); }) != 0) {
      return error_of(errno, [&] { return fmt::format("statvfs {}", path); });
    }
    return free_bytes(info);
  }

 private:
  Result<std::shared_ptr<Descriptor>> open_directory(const std::string& path);

  Mutex mutex_;
  std::vector<std::shared_ptr<Descriptor>> directories_ MINIKV_GUARDED_BY(mutex_);
};

// The directories are kept open: a store that has run out of descriptors must still be able to make its
// changes durable. If the path means another directory by now, that one is opened.
Result<std::shared_ptr<Descriptor>> PosixFileSystem::open_directory(const std::string& path) {
  MutexLock lock(mutex_);
  struct stat wanted{};
  struct stat known{};
  if (stat(path.c_str(), &wanted) == 0) {
    for (const auto& directory : directories_) {
      if (fstat(directory->fd(), &known) == 0 && known.st_dev == wanted.st_dev &&
          known.st_ino == wanted.st_ino) {
        return directory;
      }
    }
  }
  MINIKV_ASSIGN_OR_RETURN(auto opened, Descriptor::open(path, O_RDONLY | O_DIRECTORY));
  if (directories_.size() == kKeptDirectories) directories_.erase(directories_.begin());
  return directories_.emplace_back(std::make_shared<Descriptor>(std::move(opened)));
}

// A directory that is held open, so that it does not matter what its path leads to later. `others` takes the
// paths that are not right below it.
class OpenDirectory final : public FileSystem {
 public:
  OpenDirectory(FileSystem& others, std::string path, Descriptor directory)
      : others_(others), path_(std::move(path)), directory_(std::move(directory)) {}

  int fd() const { return directory_.fd(); }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const char* const name = name_of(path);
    if (name == nullptr) return others_.open(path, mode);
    MINIKV_ASSIGN_OR_RETURN(auto descriptor, Descriptor::open_at(fd(), name, flags_of(mode), path));
    return make_posix_file(std::move(descriptor), path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    const char* const old_name = name_of(from);
    const char* const new_name = name_of(to);
    if (old_name == nullptr && new_name == nullptr) return others_.rename(from, to);
    return renamed(
        ::renameat(old_name != nullptr ? fd() : AT_FDCWD, old_name != nullptr ? old_name : from.c_str(),
                   new_name != nullptr ? fd() : AT_FDCWD, new_name != nullptr ? new_name : to.c_str()),
        from, to);
  }

  Status remove(const std::string& path) override {
    const char* const name = name_of(path);
    return name != nullptr ? removed(::unlinkat(fd(), name, 0), path) : others_.remove(path);
  }

  Status create_dir(const std::string& path) override {
    return path == path_ ? Status() : others_.create_dir(path);
  }

  Status sync_dir(const std::string& path) override {
    return path == path_ ? synced_directory(fd(), path) : others_.sync_dir(path);
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    if (path != path_) return others_.list(path);
    // Each list needs a descriptor of its own, because the position in a directory belongs to the descriptor.
    const auto failed = [&path] {
      return error_of(errno, [&] { return fmt::format("list directory {}", path); });
    };
    const int own = ::openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return failed();
    DIR* const directory = ::fdopendir(own);
    if (directory != nullptr) return list_entries(directory, path);
    const Status status = failed();
    ::close(own);
    return status;
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const char* const name = name_of(path);
    if (name == nullptr) return others_.lock(path);
    return lock_descriptor(Descriptor::open_at(fd(), name, O_RDWR | O_CREAT, path), path);
  }

  Result<std::unique_ptr<FileLock>> lock_existing(const std::string& path) override {
    const char* const name = name_of(path);
    if (name == nullptr) return others_.lock_existing(path);
    return lock_descriptor(Descriptor::open_at(fd(), name, O_RDONLY, path), path);
  }

  Result<std::unique_ptr<LockedDirectory>> lock_directory(const std::string& path) override {
    return others_.lock_directory(path);
  }
  std::optional<std::uint64_t> free_descriptors() const override { return others_.free_descriptors(); }
  std::uint64_t page_waits() const override { return others_.page_waits(); }

  Result<std::uint64_t> free_space(const std::string& path) override {
    if (path != path_) return others_.free_space(path);
    struct statvfs info{};
    if (without_interruption([&] { return fstatvfs(fd(), &info); }) != 0)
      return error_of(errno, [&] { return fmt::format("statvfs {}", path); });
    return free_bytes(info);
  }

 private:
  // The name of the entry that `path` leads to; null: it is no entry of this directory.
  const char* name_of(const std::string& path) const {
    const bool is_below = path.size() > path_.size() + 1 && path.starts_with(path_) &&
                          path[path_.size()] == '/' && path.find('/', path_.size() + 1) == std::string::npos;
    return is_below ? path.c_str() + path_.size() + 1 : nullptr;
  }

  FileSystem& others_;
  const std::string path_;
  const Descriptor directory_;
};

class PosixLockedDirectory final : public LockedDirectory {
 public:
  PosixLockedDirectory(std::shared_ptr<OpenDirectory> directory, bool is_locked)
      : directory_(std::move(directory)), is_locked_(is_locked) {}
  // The destructor unlocks the directory itself, because files() may outlive it and keep the directory open.
  ~PosixLockedDirectory() override {
    if (is_locked_) (void)::flock(directory_->fd(), LOCK_UN);
  }
  PosixLockedDirectory(const PosixLockedDirectory&) = delete;
  PosixLockedDirectory& operator=(const PosixLockedDirectory&) = delete;

  bool is_locked() const override { return is_locked_; }
  std::shared_ptr<FileSystem> files() override { return directory_; }

 private:
  const std::shared_ptr<OpenDirectory> directory_;
  const bool is_locked_;
};

// flock(2) on a descriptor for reading: a directory can't be opened otherwise. NFS turns the lock into one on
// a range of bytes, which a directory can't have.
Result<std::unique_ptr<LockedDirectory>> PosixFileSystem::lock_directory(const std::string& path) {
  MINIKV_ASSIGN_OR_RETURN(auto descriptor, Descriptor::open(path, O_RDONLY | O_DIRECTORY));
  const bool is_locked =
      without_interruption([&] { return ::flock(descriptor.fd(), LOCK_EX | LOCK_NB); }) == 0;
  if (!is_locked && errno == EWOULDBLOCK)
    return error_of(errno, [&] { return fmt::format("lock {}", path); });
  auto directory = std::make_shared<OpenDirectory>(*this, path, std::move(descriptor));
  return std::unique_ptr<LockedDirectory>(
      std::make_unique<PosixLockedDirectory>(std::move(directory), is_locked));
}

}  // namespace

FileSystem& FileSystem::posix() {
  static PosixFileSystem file_system;
  return file_system;
}

}  // namespace minikv::engine
