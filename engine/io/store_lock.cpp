// A store is locked twice: by its directory, and by the file LOCK.
#include "engine/io/store_lock.h"

#include <utility>

#include <fmt/format.h>

namespace minikv::engine {
namespace {

Status explained(const Status& status, const std::string& directory) {
  if (status.code() != StatusCode::kLocked) return status;
  return {StatusCode::kLocked,
          fmt::format("{}: another process has this store open: stop it, or name another data directory",
                      directory)};
}

}  // namespace

Result<StoreLock> StoreLock::take_directory(FileSystem& file_system, const std::string& directory) {
  auto locked = file_system.lock_directory(directory);
  if (!locked) return explained(locked.status(), directory);
  StoreLock lock;
  lock.directory_ = *std::move(locked);
  lock.files_ = lock.directory_->files();
  return lock;
}

Result<StoreLock> StoreLock::take(FileSystem& file_system, const std::string& directory) {
  auto lock = take_directory(file_system, directory);
  if (!lock) return lock;
  auto file = lock->files_->lock(directory + "/" + kFileName);
  if (file) {
    lock->file_ = *std::move(file);
  } else if (file.code() == StatusCode::kDiskFull && lock->is_directory_locked()) {
    lock->file_failure_ = file.status();
  } else {
    return explained(file.status(), directory);
  }
  return lock;
}

Result<StoreLock> StoreLock::take_for_reading(FileSystem& file_system, const std::string& directory) {
  auto lock = take_directory(file_system, directory);
  if (!lock) return lock;
  auto file = lock->files_->lock_existing(directory + "/" + kFileName);
  if (!file)
    return file.code() == StatusCode::kNotFound ? std::move(lock) : explained(file.status(), directory);
  lock->file_ = *std::move(file);
  return lock;
}

}  // namespace minikv::engine
