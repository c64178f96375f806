// The bytes of a simulated file, in blocks that copies share until one of them is written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minikv::sim {

// Copying costs a pointer a block, so that tests can keep thousands of states of a disk.
//
// Thread safety: distinct objects may be used by distinct threads at once, even if they are copies of one
// another, as long as nobody copies an object that is being written.
class SimContent {
 public:
  std::uint64_t size() const { return size_; }
  // Extends the content if need be, with zeros in a gap.
  void write(std::uint64_t offset, std::string_view bytes);
  // Cuts, or extends with zeros.
  void resize(std::uint64_t size);
  // Fills `out`; zeros beyond the end.
  void read(std::uint64_t offset, std::span<char> out) const;
  // Equal for equal contents.
  std::uint64_t fingerprint() const;
  // What there is of `length` bytes from `offset`.
  std::string slice(std::uint64_t offset, std::uint64_t length) const;

 private:
  static constexpr std::size_t kBlockBytes = 4096;
  using Block = std::array<char, kBlockBytes>;

  Block& own_block(std::size_t index);

  std::uint64_t size_ = 0;
  std::vector<std::shared_ptr<Block>> blocks_;  // null: all zeros. Bytes behind size_ are zeros.
};

}  // namespace minikv::sim
