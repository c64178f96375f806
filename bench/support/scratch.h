// A directory that a benchmark fills and leaves behind empty.
#pragma once

#include <cstdint>
#include <string>

namespace minikv::bench {

// A new directory in Settings::directory, which goes with its owner. Throws std::runtime_error where it can't
// be made.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }
  // What its files take on the disk: blocks that were given out, not lengths.
  std::uint64_t disk_bytes() const;

 private:
  std::string path_;
};

}  // namespace minikv::bench
