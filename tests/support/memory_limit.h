// A limit on the memory that another process may use, its page cache included: a cgroup of the test's own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace minikv::test {

// Thread safety: none.
class MemoryLimit {
 public:
  // Nothing, with the reason in `why_not`, where this user may not make one.
  static std::unique_ptr<MemoryLimit> make(std::uint64_t bytes, std::string& why_not);
  // No process may be in it any more.
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  // What the process takes from now on counts; what it has had does not.
  bool apply_to(pid_t process);

 private:
  explicit MemoryLimit(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;
};

}  // namespace minikv::test
