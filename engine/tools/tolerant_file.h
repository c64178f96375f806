// A file on a disk that fails in places.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/io/file_system.h"

namespace minikv::engine {

// Half open.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// Reads what can be read. Pages that the disk refuses come out as zeros and are remembered: the bytes that
// stood there then fail their checksum, and the search for the next frame goes on behind them. Read only.
//
// Thread safety: not thread-safe.
class TolerantFile final : public File {
 public:
  explicit TolerantFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  // The ranges that could not be read so far, in order of offset, without overlaps.
  std::vector<ByteRange> unreadable() const;

  Result<std::uint64_t> size() const override { return file_->size(); }
  Status read(std::uint64_t offset, std::span<char> out) const override;
  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override;
  Status sync() override;
  Status truncate(std::uint64_t size) override;
  void drop_cache() override { file_->drop_cache(); }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t length) const override { return file_->map(length); }

 private:
  std::unique_ptr<File> file_;
  mutable std::vector<ByteRange> unreadable_;
};

}  // namespace minikv::engine
