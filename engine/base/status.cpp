// Copies of a Status share its message, so that passing one on takes no memory.
#include "minikv/status.h"

#include <cerrno>
#include <new>
#include <system_error>

namespace minikv {
namespace {

// Allocated at the program's start, before any call can fail.
const std::string kNothing, kNoMemory = "there is no memory to say what went wrong";

StatusCode code_of(int error) {
  switch (error) {
    case ENOENT: return StatusCode::kNotFound;
    case ENOSPC:
    case EDQUOT: return StatusCode::kDiskFull;
    case EWOULDBLOCK: return StatusCode::kLocked;
    default: return StatusCode::kIoError;
  }
}

// Advice for errors whose own text does not say what to do.
std::string_view advice_on(int error) {
  switch (error) {
    case EACCES:
    case EPERM: return " (does it belong to the user that runs this program?)";
    case EMFILE: return " (raise this process's limit, as with ulimit -n)";
    case ENFILE: return " (raise the system's limit, fs.file-max)";
    case EFBIG: return " (raise this process's limit of file sizes, as with ulimit -f)";
    case ENOMEM: return " (raise this process's limits, as with ulimit -v, or give it more memory)";
    case EROFS: return " (it is mounted read-only: mount it for writing)";
    case EIO: return " (the disk has failed: the kernel's log may say more, see dmesg)";
    case ENOSPC: return " (room or inodes are used up: see df and df -i)";
    case EDQUOT: return " (see quota)";
    case EWOULDBLOCK: return " (another process holds the lock)";
    default: return "";
  }
}

}  // namespace

Status::Status(StatusCode code, std::string message) noexcept : code_(code) {
  try {
    message_ = std::make_shared<const std::string>(std::move(message));
  } catch (const std::bad_alloc&) {
    // See message_without_memory().
  }
}

const std::string& Status::message_without_memory() const { return is_ok() ? kNothing : kNoMemory; }

Status Status::from_errno(int error, std::string_view what) noexcept {
  std::string message;
  try {
    message = what;
    message += ": ";
    message += std::generic_category().message(error);
    message += advice_on(error);
  } catch (const std::bad_alloc&) {
    message = "I/O error";  // which needs no memory
  }
  Status status(code_of(error), std::move(message));
  status.error_ = error;
  return status;
}

Status Status::with_context(std::string_view where) const {
  if (is_ok()) return *this;
  std::string message(where);
  message += ": ";
  message += this->message();
  Status status(code_, std::move(message));
  status.error_ = error_;
  return status;
}

}  // namespace minikv
