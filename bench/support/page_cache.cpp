// posix_fadvise() drops pages from the page cache; mincore() on a mapping tells which pages are in it.
#include "bench/support/page_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace minikv::bench {
namespace {

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Status forget_pages(const std::string& path) {
  const Descriptor file(path, O_RDWR);
  if (file.get() < 0) return Status::from_errno(errno, "open " + path);
  // The kernel can't drop a page that is not on disk yet.
  if (::fdatasync(file.get()) != 0) return Status::from_errno(errno, "fdatasync " + path);
  const int error = ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  return error == 0 ? Status::ok() : Status::from_errno(error, "posix_fadvise " + path);
}

Result<PageWatch> PageWatch::open(const std::string& path) {
  // O_RDWR: mincore() answers only a process that may write the file.
  const Descriptor file(path, O_RDWR);
  struct stat info{};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) return Status::from_errno(errno, "open " + path);
  const auto length = static_cast<std::uint64_t>(info.st_size);
  void* memory = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return Status::from_errno(errno, "map " + path);
  return PageWatch(memory, length);
}

PageWatch::PageWatch(PageWatch&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), length_(other.length_) {}

PageWatch::~PageWatch() {
  if (memory_ != nullptr) ::munmap(memory_, length_);
}

bool PageWatch::is_in_memory(std::uint64_t offset, std::uint64_t length) const {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t begin = offset / page * page;
  const std::uint64_t end = std::min(offset + length, length_);
  if (begin >= end) return true;
  std::vector<unsigned char> pages((end - begin + page - 1) / page);
  if (::mincore(static_cast<char*>(memory_) + begin, end - begin, pages.data()) != 0) return true;
  return std::any_of(pages.begin(), pages.end(), [](unsigned char state) { return (state & 1) != 0; });
}

}  // namespace minikv::bench
