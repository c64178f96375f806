// The checks of a segment file against the manifest.
#include "engine/recovery/segment_check.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace minikv::engine {

Result<std::unique_ptr<Segment>> open_named_segment(StoreContext& context, const Manifest& manifest,
                                                    const ManifestSegment& entry, bool writable) {
  const std::string path = context.path_of(id_of(entry));
  const SegmentIdentity identity{id_of(entry), entry.salt};
  const std::uint64_t length = writable ? log_map_bytes(context.options) : entry.size;
  auto segment = open_segment(*context.open_files, path, writable ? OpenMode::kReadWrite : OpenMode::kRead,
                              identity, entry.kind, std::max<std::uint64_t>(length, sizeof(SegmentHeader)));
  if (!segment) return segment.status();
  if ((entry.flags & kSegmentRecycled) != 0) (*segment)->note_recycled();
  // The manifest knows all that the header says, so that a damaged header costs nothing. A sound header of
  // another segment is of another store, or of another incarnation of this one.
  SegmentHeader header{};
  std::string bytes(sizeof(header), '\0');
  if (!(*segment)->file().read(0, bytes)) {
    context.log.error("{}: the file ends within its header", path);
    return segment;
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (!segment_header_checks_out(header)) {
    context.log.warn("{}: the header is damaged; what it says is known from the manifest", path);
    return segment;
  }
  if (header.segment_id != entry.id || header.salt != entry.salt || header.kind != entry.kind ||
      header.store_id != manifest.store_id) {
    return {StatusCode::kRefused,
            fmt::format(
                "{}: belongs to another store or to another incarnation of this one: put the right file back",
                path)};
  }
  return segment;
}

Status cut_short(const StoreContext& context, const ManifestSegment& entry, std::uint64_t file_bytes) {
  return {
      StatusCode::kRefused,
      fmt::format("{}: has {} bytes, and the manifest knows of {}: it was cut, or copied in part: copy it "
                  "again, restore the directory from a backup, save what is there with \"minikvd repair\", "
                  "or accept the loss with --accept-data-loss (older values of keys may come back)",
                  context.path_of(id_of(entry)), file_bytes, entry.size)};
}

void tell_accepted_cut(const StoreContext& context, const ManifestSegment& entry, std::uint64_t file_bytes) {
  context.log.error(
      "{}: has {} bytes of {}; opened all the same, as was asked for: older values of keys may have come "
      "back",
      context.path_of(id_of(entry)), file_bytes, entry.size);
}

void add_to_store(SharedState& state, std::unique_ptr<Segment> segment) {
  state.lock.assert_alone();
  const SegmentId id = segment->id();
  segment->file().allow_closing();
  state.segments.emplace(id, share_segment(std::move(segment), state.graveyard));
}

}  // namespace minikv::engine
