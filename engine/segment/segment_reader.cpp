// Reads through a window, and finds frames.
#include "engine/segment/segment_reader.h"

#include <algorithm>
#include <cstring>

#include "minikv/options.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kWindowBytes = kMiB;

}  // namespace

Result<std::string_view> SegmentReader::bytes(std::uint64_t offset, std::uint64_t length) {
  if (offset >= size_) return std::string_view();
  length = std::min(length, size_ - offset);
  if (offset < window_offset_ || offset + length > window_offset_ + window_.size()) {
    const std::uint64_t wanted = std::min(std::max(length, kWindowBytes), size_ - offset);
    window_.resize(static_cast<std::size_t>(wanted));
    window_offset_ = offset;
    if (Status read = file_.read(offset, window_); !read) {
      window_.clear();
      return read;
    }
  }
  return std::string_view(window_).substr(static_cast<std::size_t>(offset - window_offset_),
                                          static_cast<std::size_t>(length));
}

Result<FrameAt> read_frame(SegmentReader& reader, const SegmentIdentity& identity, std::uint64_t offset) {
  FrameAt frame;
  frame.end = offset;
  if (offset >= reader.size()) return frame;
  MINIKV_ASSIGN_OR_RETURN(const auto head, reader.bytes(offset, sizeof(FrameHeader)));
  const auto header = parse_frame_header(head, identity, offset);
  if (!header) {
    frame.kind = FrameAt::Kind::kNone;
    return frame;
  }
  frame.header = *header;
  const std::uint64_t body_offset = offset + sizeof(FrameHeader);
  MINIKV_ASSIGN_OR_RETURN(const auto body, reader.bytes(body_offset, header->body_length));
  frame.body = parse_frame_body(body, *header, identity, body_offset);
  frame.end = body_offset + header->body_length;
  const bool is_whole = body.size() == header->body_length && frame.body.is_whole();
  if (body.size() != header->body_length) frame.body.names_all = false;
  frame.kind = is_whole ? FrameAt::Kind::kWhole : FrameAt::Kind::kDamaged;
  return frame;
}

Result<std::optional<std::uint64_t>> find_frame(SegmentReader& reader, const SegmentIdentity& identity,
                                                std::uint64_t offset,
                                                const std::function<bool(const FrameHeader&)>& wanted) {
  // Many of the searched bytes are zeros: the search looks for the magic at the speed of memory, and checks
  // the rest where it is found.
  const std::string_view magic(reinterpret_cast<const char*>(&kFrameMagic), sizeof(kFrameMagic));
  std::uint64_t at = align_up(offset);
  while (at + sizeof(FrameHeader) <= reader.size()) {
    MINIKV_ASSIGN_OR_RETURN(const auto window, reader.bytes(at, kWindowBytes));
    const auto found = window.find(magic);
    if (found == std::string_view::npos) {
      // The magic may begin in the last bytes of the window.
      at += std::max<std::uint64_t>(align_up(window.size()) - kAlignment, kAlignment);
      continue;
    }
    const std::uint64_t candidate = at + found;
    at = align_up(candidate + 1);
    if (candidate % kAlignment != 0) continue;
    MINIKV_ASSIGN_OR_RETURN(const auto bytes, reader.bytes(candidate, sizeof(FrameHeader)));
    if (const auto header = parse_frame_header(bytes, identity, candidate); header && wanted(*header)) {
      return std::optional<std::uint64_t>(candidate);
    }
  }
  return std::optional<std::uint64_t>();
}

Result<std::uint64_t> FrameCursor::find_next_header() {
  auto next = find_frame(reader_, identity_, offset_ + kAlignment, [](const FrameHeader&) { return true; });
  if (!next) return next.status();
  return next->value_or(reader_.size());
}

Result<std::uint64_t> end_of_data(SegmentReader& reader, std::uint64_t from) {
  std::uint64_t end = from;
  for (std::uint64_t at = from; at < reader.size();) {
    MINIKV_ASSIGN_OR_RETURN(const auto bytes, reader.bytes(at, kWindowBytes));
    // A run of zeros is equal to itself moved by one.
    const bool is_zero =
        bytes.front() == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
    if (!is_zero) end = at + bytes.find_last_not_of('\0') + 1;
    at += bytes.size();
  }
  return end;
}

Result<std::uint64_t> end_of_writes(SegmentReader& reader, const SegmentIdentity& identity, bool is_recycled,
                                    std::uint64_t from) {
  if (!is_recycled) return end_of_data(reader, from);
  const std::uint64_t page_end = (from + kPageBytes - 1) / kPageBytes * kPageBytes;
  MINIKV_ASSIGN_OR_RETURN(const auto rest, reader.bytes(from, page_end - from));
  const auto last = rest.find_last_not_of('\0');
  std::uint64_t end = last == std::string_view::npos ? from : from + last + 1;
  std::uint64_t frame_end = 0;
  const auto note_end = [&](const FrameHeader& header) {
    frame_end = sizeof(FrameHeader) + header.body_length;
    return true;
  };
  for (std::uint64_t at = from;;) {
    MINIKV_ASSIGN_OR_RETURN(const auto found, find_frame(reader, identity, at, note_end));
    if (!found) return end;
    end = std::max(end, std::min(*found + frame_end, reader.size()));
    at = *found + sizeof(FrameHeader);
  }
}

}  // namespace minikv::engine
