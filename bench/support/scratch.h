// A temporary directory for the files of a benchmark.
#pragma once

#include <cstdint>
#include <string>

namespace minikv::bench {

// A new directory in Settings::directory; the destructor removes it. The constructor throws
// std::runtime_error if it can't make the directory.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }
  // The disk space of its files: allocated blocks, not lengths.
  std::uint64_t disk_bytes() const;

 private:
  std::string path_;
};

}  // namespace minikv::bench
