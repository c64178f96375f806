// Makes a directory within Settings::directory, adds up the sizes of its files, and removes all of it.
#include "bench/support/scratch.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "bench/support/program.h"

namespace minikv::bench {

ScratchDirectory::ScratchDirectory() {
  path_ = (std::filesystem::path(settings().directory) / "minikv-bench-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make the directory " + path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::uint64_t ScratchDirectory::disk_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(path_)) {
    struct stat info{};
    constexpr std::uint64_t kBlockBytes = 512;  // the unit of st_blocks on any file system
    if (::stat(file.path().c_str(), &info) == 0)
      sum += static_cast<std::uint64_t>(info.st_blocks) * kBlockBytes;
  }
  return sum;
}

}  // namespace minikv::bench
