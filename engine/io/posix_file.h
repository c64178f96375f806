// Files, mappings and locks of the operating system's file system: what FileSystem::posix() hands out.
#pragma once

#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "engine/io/file_system.h"

namespace minikv::engine {

// Repeats a system call for as long as a signal interrupts it.
template <typename Call>
auto without_interruption(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// A Status that says that `say()` was being done, or less if there is no memory for it: a call that has
// failed must not be taken for one that was never made. `say` is a function so that the caller reads errno
// before the words are made: an allocation may change it.
template <typename Say>
Status error_of(int error, Say say) noexcept {
  try {
    return Status::from_errno(error, say());
  } catch (const std::bad_alloc&) {
    return Status::from_errno(error, "");
  }
}

// An open file descriptor; the destructor closes it.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();

  // open(2) with O_CLOEXEC. Errors name the path.
  static Result<Descriptor> open(const std::string& path, int flags);
  // The same by openat(2), for `name` in `directory`; errors name `path`.
  static Result<Descriptor> open_at(int directory, const char* name, int flags, const std::string& path);

  int fd() const { return fd_; }

 private:
  int fd_;
};

std::unique_ptr<File> make_posix_file(Descriptor descriptor, std::string path);

// Takes a flock(2) on an open file. The kernel releases it with the last descriptor, however the process
// ends, so that no lock is ever stale.
Result<std::unique_ptr<FileLock>> lock_posix_file(Descriptor descriptor, const std::string& path);

}  // namespace minikv::engine
