// Maps files, and less of them where addresses are limited.
#include "engine/io/posix_mapping.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fstream>

#include <fmt/format.h>

#include "engine/io/fault_guard.h"
#include "engine/io/posix_file.h"

namespace minikv::engine {
namespace {

class PosixMapping final : public Mapping {
 public:
  // `memory` is null for an empty mapping, which mmap(2) does not support.
  PosixMapping(const char* memory, std::size_t length, std::string path)
      : memory_(memory), length_(length), path_(std::move(path)) {}
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  ~PosixMapping() override {
    if (memory_ != nullptr) munmap(const_cast<char*>(memory_), length_);
  }

  std::uint64_t length() const override { return length_; }

  Status copy(std::uint64_t offset, std::span<char> out) const override {
    if (out.empty()) return Status::ok();
    if (offset > length_ || out.size() > length_ - offset)
      return error(offset, out.size(), "beyond the mapping");
    if (!copy_from_mapped(out.data(), memory_ + offset, out.size())) {
      return error(offset, out.size(), "a page can't be read (a media error, or beyond the end of the file)");
    }
    return Status::ok();
  }

  void prefetch(std::uint64_t offset, std::uint64_t length) const override {
    if (offset > length_ || length > length_ - offset) return;
    // The processor ignores a prefetch of a page that is not there.
    const char* const end = memory_ + offset + std::min(length, kMaxPrefetched);
    for (const char* line = memory_ + offset; line < end; line += kCacheLine) __builtin_prefetch(line);
  }

 private:
  static constexpr std::uint64_t kCacheLine = 64, kMaxPrefetched = 4 * kCacheLine;

  Status error(std::uint64_t offset, std::size_t size, std::string_view why) const {
    return {StatusCode::kIoError,
            fmt::format("read mapped {} at {}, {} bytes: {}", path_, offset, size, why)};
  }

  const char* memory_;
  std::size_t length_;
  std::string path_;
};

constexpr std::uint64_t kAddressesForMemory = std::uint64_t{512} << 20;

// How many of the `wanted` bytes may be mapped. Where the process's addresses are limited, half of them, and
// at least kAddressesForMemory, are left for threads and buffers: bytes that are not mapped can be read by
// other means, but memory can't be had otherwise.
std::uint64_t addresses_to_map(std::uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0;
  if (!(statm >> pages)) return wanted;
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::uint64_t for_memory = std::max<std::uint64_t>(limit.rlim_cur / 2, kAddressesForMemory);
  const std::uint64_t most = limit.rlim_cur - std::min<std::uint64_t>(limit.rlim_cur, for_memory);
  const std::uint64_t taken = pages * page_bytes;
  if (taken >= most) return 0;
  return wanted <= most - taken ? wanted : (most - taken) / page_bytes * page_bytes;
}

}  // namespace

Result<std::unique_ptr<Mapping>> map_posix_file(int fd, const std::string& path, std::uint64_t length) {
  install_fault_guard();
  length = addresses_to_map(length);
  void* memory = nullptr;
  if (length > 0) {
    memory = mmap(nullptr, length, PROT_READ, MAP_SHARED, fd, 0);
    // No addresses, or more mappings than the system allows.
    if (memory == MAP_FAILED && errno == ENOMEM) return map_posix_file(fd, path, 0);
    if (memory == MAP_FAILED)
      return error_of(errno, [&] { return fmt::format("map {}, {} bytes", path, length); });
    // Reads are of one record each: the pages around it would only displace pages that are wanted more.
    madvise(memory, length, MADV_RANDOM);
  }
  return std::unique_ptr<Mapping>(
      std::make_unique<PosixMapping>(static_cast<const char*>(memory), length, path));
}

}  // namespace minikv::engine
