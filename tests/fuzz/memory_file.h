// A file of zeros and, behind them, a fuzzer's bytes.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "engine/io/file_system.h"

namespace minikv::fuzz {

// Thread safety: all members may be called from any thread. The bytes are the caller's.
class MemoryFile final : public engine::File {
 public:
  MemoryFile(std::uint64_t zeros, std::string_view bytes) : zeros_(zeros), bytes_(bytes) {}

  Result<std::uint64_t> size() const override { return zeros_ + bytes_.size(); }
  Status read(std::uint64_t offset, std::span<char> out) const override {
    const std::uint64_t size = zeros_ + bytes_.size();
    if (offset > size || out.size() > size - offset)
      return Status::from_errno(EIO, "the file ends too early");
    const auto blank =
        static_cast<std::size_t>(std::min<std::uint64_t>(zeros_ - std::min(zeros_, offset), out.size()));
    if (blank > 0) std::memset(out.data(), 0, blank);
    out = out.subspan(blank);
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + (offset + blank - zeros_), out.size());
    return {};
  }
  Status write(std::uint64_t, std::span<const std::string_view>) override { return read_only(); }
  Status sync() override { return read_only(); }
  Status truncate(std::uint64_t) override { return read_only(); }
  void drop_cache() override {}
  Result<std::unique_ptr<engine::Mapping>> map(std::uint64_t) const override { return read_only(); }

 private:
  static Status read_only() { return Status::from_errno(EROFS, "a file in memory"); }

  std::uint64_t zeros_;
  std::string_view bytes_;
};

}  // namespace minikv::fuzz
