// Reads around bytes that the disk does not give.
#include "engine/tools/tolerant_file.h"

#include <algorithm>

#include "engine/format/layout.h"

namespace minikv::engine {
namespace {

Status read_only() { return {StatusCode::kReadOnly, "the file is open for reading only"}; }

}  // namespace

Status TolerantFile::read(std::uint64_t offset, std::span<char> out) const {
  if (file_->read(offset, out)) return {};
  while (!out.empty()) {
    const std::uint64_t page_end = (offset / kPageBytes + 1) * kPageBytes;
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(page_end - offset, out.size()));
    if (!file_->read(offset, out.first(length))) {
      std::fill_n(out.begin(), length, '\0');
      unreadable_.push_back({offset, offset + length});
    }
    offset += length;
    out = out.subspan(length);
  }
  return {};
}

std::vector<ByteRange> TolerantFile::unreadable() const {
  std::vector<ByteRange> sorted = unreadable_;
  std::sort(sorted.begin(), sorted.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  std::vector<ByteRange> merged;
  for (const ByteRange& range : sorted) {
    if (!merged.empty() && range.begin <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

Status TolerantFile::write(std::uint64_t, std::span<const std::string_view>) { return read_only(); }
Status TolerantFile::sync() { return read_only(); }
Status TolerantFile::truncate(std::uint64_t) { return read_only(); }

}  // namespace minikv::engine
