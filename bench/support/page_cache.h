// Which pages of a file are in memory.
#pragma once

#include <cstdint>
#include <string>

#include "minikv/status.h"

namespace minikv::bench {

// Syncs the file and asks the kernel to drop its pages from the page cache. A page that a process has mapped
// and touched stays; PageWatch tells whether the pages are gone.
Status forget_pages(const std::string& path);

// Watches a file's pages without touching them.
// Thread safety: all members may be called from any thread.
class PageWatch {
 public:
  // The file must not be empty.
  static Result<PageWatch> open(const std::string& path);
  PageWatch(PageWatch&& other) noexcept;
  PageWatch& operator=(PageWatch&&) = delete;
  ~PageWatch();

  // Whether any page that holds some of these bytes is in memory; true if the kernel does not tell.
  bool is_in_memory(std::uint64_t offset, std::uint64_t length) const;
  // The same for the whole file.
  bool is_in_memory() const { return is_in_memory(0, length_); }

 private:
  PageWatch(void* memory, std::uint64_t length) : memory_(memory), length_(length) {}

  void* memory_;
  std::uint64_t length_;
};

}  // namespace minikv::bench
