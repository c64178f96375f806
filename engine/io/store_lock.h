// What keeps two processes from having one store open.
#pragma once

#include <memory>
#include <string>

#include "engine/io/file_system.h"

namespace minikv::engine {

// The lock of a store is its directory: that can't be removed from under a process and made anew, and is the
// same by whatever path somebody comes to it. The file LOCK is locked as well, for versions of minikv that
// know only that, and where a file system can't lock directories.
//
// Thread safety: not thread-safe.
class StoreLock {
 public:
  static constexpr const char* kFileName = "LOCK";

  // For who changes the store; makes LOCK if it is missing, and does without where the disk has no room for
  // it and the directory is locked. Taken: kLocked.
  static Result<StoreLock> take(FileSystem& file_system, const std::string& directory);
  // For who reads only: nothing is made. LOCK may be missing, as in a backup.
  static Result<StoreLock> take_for_reading(FileSystem& file_system, const std::string& directory);

  // Leads to the files of the directory that is locked, by paths below the one that it was locked by; also
  // when that leads somewhere else by now. May outlive the lock.
  const std::shared_ptr<FileSystem>& files() const { return files_; }
  // Whether anything keeps others away.
  bool is_locked() const { return is_directory_locked() || file_ != nullptr; }
  // Why LOCK is not locked though it should be.
  const Status& file_failure() const { return file_failure_; }
  bool is_directory_locked() const { return directory_ != nullptr && directory_->is_locked(); }
  // Others may take it.
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
