// A hint file is made from the segment that it speaks of, and put into place by a rename.
#include "engine/core/hint_file.h"

#include <fmt/format.h>

#include "engine/base/out_of_memory.h"
#include "engine/format/file_names.h"
#include "engine/segment/segment_reader.h"

namespace minikv::engine {
namespace {

// Collects from the file and not from memory, so that all entries of the hint have been read back.
Status collect(const ManifestSegment& entry, const Segment& segment, HintBuilder& hint) {
  SegmentReader reader(segment.file(), entry.size);
  FrameCursor cursor(reader, segment.identity());
  while (!cursor.is_at_end()) {
    MINIKV_ASSIGN_OR_RETURN(const auto frame, cursor.read());
    if (!frame.has_all_names())
      return {StatusCode::kCorruption, fmt::format("damaged at offset {}", cursor.offset())};
    hint.note_time(frame.header.engine_time_ms);
    for (const RecordView& record : frame.body.records) {
      if (record.header.type == RecordType::kRangeDelete && !record.value_intact) {
        return {StatusCode::kCorruption, fmt::format("damaged at offset {}", record.offset)};
      }
      hint.add(record.header, record.key, record.value, record.offset);
    }
    cursor.move_to(frame.end);
  }
  return {};
}

}  // namespace

Result<Hint> read_hint(FileSystem& file_system, const std::string& path, const HintIdentity& identity,
                       std::string buffer) {
  MINIKV_ASSIGN_OR_RETURN(auto file, file_system.open(path, OpenMode::kRead));
  MINIKV_ASSIGN_OR_RETURN(const auto size, file->size());
  buffer.resize(static_cast<std::size_t>(size));
  MINIKV_TRY(file->read(0, buffer));
  return parse_hint(std::move(buffer), &identity);
}

Status write_hint(FileSystem& file_system, const std::string& directory, const HintBuilder& hint,
                  const HintIdentity& identity, const Pacing& pacing) {
  const std::string path = directory + "/" + hint_name(identity.segment.id);
  const std::string temporary = path + std::string(kTemporarySuffix);
  if (Status removed = file_system.remove(temporary); !removed && removed.code() != StatusCode::kNotFound) {
    return removed;
  }
  const auto write = [&]() -> Status {
    MINIKV_ASSIGN_OR_RETURN(auto file, file_system.open(temporary, OpenMode::kCreate));
    PacedFile paced(*file, pacing);
    MINIKV_TRY(hint.write(identity, paced));
    // The directory is not synced: a power cut may take the name, and then there is no hint.
    return file_system.rename(temporary, path);
  };
  const Status written = write();
  if (!written) (void)file_system.remove(temporary);
  return written;
}

std::unique_ptr<const SegmentKeys> keys_of(const HintBuilder& hint) {
  SegmentKeysBuilder keys(hint.size());
  hint.for_each([&](const HintEntry& entry) { keys.add(entry); });
  return keys.finish();
}

namespace {

Status try_to_make_hint(const StoreContext& context, const StoreId& store_id, const ManifestSegment& entry,
                        const std::shared_ptr<Segment>& segment) {
  HintBuilder hint;
  MINIKV_TRY(collect(entry, *segment, hint));
  hint.arrange();
  segment->set_keys(keys_of(hint));
  return write_hint(context.file_system, context.directory, hint, hint_identity(store_id, entry),
                    {context.options.fsync, context.written_sequence});
}

}  // namespace

void make_hint(SharedState& state, const StoreId& store_id, const ManifestSegment& entry) {
  const auto find = [&]() -> std::shared_ptr<Segment> {
    SharedGuard guard(state.lock);
    const auto found = state.segments.find(id_of(entry));
    return found == state.segments.end() ? nullptr : found->second;
  };
  const auto segment = find();
  if (!segment) return;  // compacted away meanwhile
  const Status status = without_throwing([&] { return try_to_make_hint(state, store_id, entry, segment); });
  if (!status) {
    state.log.warn("{}: no hint, so that the next start reads the segment: {}", segment->path(),
                   status.message());
  }
  // A compaction that has dropped the segment meanwhile may have looked for the hint before it was there.
  if (!find()) (void)state.file_system.remove(state.directory + "/" + hint_name(id_of(entry)));
}

}  // namespace minikv::engine
