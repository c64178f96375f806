// The lock that keeps two processes from having one store open.
#pragma once

#include <memory>
#include <string>

#include "engine/io/file_system.h"

namespace minikv::engine {

// A store is locked by its directory, which can't be removed from under a process and made anew, and is the
// same by all of its paths. The file LOCK is locked as well, for versions of minikv that know only that, and
// for file systems that can't lock directories.
//
// Thread safety: not thread-safe.
class StoreLock {
 public:
  static constexpr const char* kFileName = "LOCK";

  // For a process that changes the store. Makes LOCK if it is missing, and does without it if the disk has no
  // room for it and the directory is locked. kLocked: the lock is taken.
  static Result<StoreLock> take(FileSystem& file_system, const std::string& directory);
  // For a process that only reads: makes no file. LOCK may be missing, as in a backup.
  static Result<StoreLock> take_for_reading(FileSystem& file_system, const std::string& directory);

  // A file system in which paths below the one that was locked lead to files of the locked directory, even if
  // that path leads somewhere else by now. May outlive the lock.
  const std::shared_ptr<FileSystem>& files() const { return files_; }
  // Whether a lock keeps other processes away.
  bool is_locked() const { return is_directory_locked() || file_ != nullptr; }
  // The reason why LOCK is not locked though it should be.
  const Status& file_failure() const { return file_failure_; }
  bool is_directory_locked() const { return directory_ != nullptr && directory_->is_locked(); }
  // Releases the lock.
  void let_go() {
    file_.reset();
    directory_.reset();
  }

 private:
  StoreLock() = default;
  static Result<StoreLock> take_directory(FileSystem& file_system, const std::string& directory);

  std::shared_ptr<FileSystem> files_;
  std::unique_ptr<LockedDirectory> directory_;
  std::unique_ptr<FileLock> file_;
  Status file_failure_;
};

}  // namespace minikv::engine
