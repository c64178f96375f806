// Makes a cgroup of version 2 or 1, and moves the process into it.
#include "tests/support/memory_limit.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace minikv::test {
namespace {

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

}  // namespace

std::unique_ptr<MemoryLimit> MemoryLimit::make(std::uint64_t bytes, std::string& why_not) {
  const std::string root = "/sys/fs/cgroup";
  const bool is_v2 = access((root + "/cgroup.controllers").c_str(), F_OK) == 0;
  if (is_v2) write_file(root + "/cgroup.subtree_control", "+memory");  // most likely it is there already
  std::string directory =
      root + (is_v2 ? "/minikv-test-" : "/memory/minikv-test-") + std::to_string(getpid());
  if (mkdir(directory.c_str(), 0755) != 0) {
    why_not = directory + ": " + std::strerror(errno);
    return nullptr;
  }
  std::unique_ptr<MemoryLimit> limit(new MemoryLimit(std::move(directory)));
  const std::string file = limit->directory_ + (is_v2 ? "/memory.max" : "/memory.limit_in_bytes");
  if (access(file.c_str(), F_OK) == 0 && write_file(file, std::to_string(bytes))) return limit;
  why_not = file + " can't be set";
  return nullptr;
}

MemoryLimit::~MemoryLimit() { rmdir(directory_.c_str()); }

bool MemoryLimit::apply_to(pid_t process) {
  return write_file(directory_ + "/cgroup.procs", std::to_string(process));
}

}  // namespace minikv::test
