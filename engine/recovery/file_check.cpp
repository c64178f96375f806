// Compares the files of the directory with the manifest.
#include "engine/recovery/file_check.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "engine/format/file_names.h"
#include "engine/format/hint.h"

namespace minikv::engine {
namespace {

constexpr std::string_view kLockName = "LOCK";
constexpr std::string_view kCutSuffix = ".cut";

// Whether a file that is not a segment may be there.
bool is_welcome(std::string_view name) {
  return name == kLockName || name == ManifestFile::kName || name == "lost+found" ||
         (name.starts_with("segment-") && name.ends_with(kCutSuffix));
}

// Whether the hint's segment is gone, or is not sealed: only sealed segments have hints.
bool is_hint_of_nothing(const std::string& name, Manifest& manifest) {
  const ManifestSegment* const entry = manifest.find(parse_hint_name(name));
  return entry == nullptr || entry->state != SegmentState::kSealed;
}

Status foreign(const std::string& directory, const std::string& name) {
  return {StatusCode::kRefused,
          fmt::format("{}/{}: does not belong to this store: move it away, or name another data directory",
                      directory, name)};
}

// Checks a segment that the manifest does not name: ok if it is an output that a compaction has not
// committed. Its header says so, and no write was ever acknowledged by it.
Status check_unnamed_segment(const StoreContext& context, const Manifest& manifest, const std::string& name) {
  auto file = context.file_system.open(context.directory + "/" + name, OpenMode::kRead);
  if (!file) return file.status();
  SegmentHeader header{};
  std::string bytes(sizeof(header), '\0');
  if (!(*file)->read(0, bytes)) return foreign(context.directory, name);
  std::memcpy(&header, bytes.data(), sizeof(header));
  const bool is_leftover = segment_header_checks_out(header) && header.kind == SegmentKind::kCompacted &&
                           header.store_id == manifest.store_id;
  return is_leftover ? Status() : foreign(context.directory, name);
}

}  // namespace

Status check_is_blank(const std::string& directory, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name == kLockName || name == ManifestFile::kTemporaryName || name == "lost+found") continue;
    return {
        StatusCode::kRefused,
        fmt::format(
            "{}: is not empty and not a minikv store (it holds {}, and no {}): name an empty or new "
            "directory, or the store's own; if it is a store that has lost its {}, \"minikvd verify\" and "
            "\"minikvd repair\" work without",
            directory, name, ManifestFile::kName, ManifestFile::kName)};
  }
  return {};
}

Result<std::vector<std::string>> check_files(const StoreContext& context, Manifest& manifest) {
  auto names = context.file_system.list(context.directory);
  if (!names) return names.status();
  std::vector<std::string> removable;
  SegmentId highest_id;
  for (const std::string& name : *names) {
    const SegmentId id = parse_segment_name(name);
    highest_id = std::max(highest_id, id);
    if (id != kNoSegment && manifest.find(id) != nullptr) continue;
    if (parse_hint_name(name) != kNoSegment) {
      if (is_hint_of_nothing(name, manifest)) removable.push_back(name);
    } else if (id != kNoSegment) {
      MINIKV_TRY(check_unnamed_segment(context, manifest, name));
      removable.push_back(name);
    } else if (is_temporary_name(name)) {
      removable.push_back(name);
    } else if (!is_welcome(name)) {
      return foreign(context.directory, name);
    }
  }
  manifest.next_segment_id = std::max<std::uint64_t>(manifest.next_segment_id, highest_id.next().number());

  const std::set<std::string> present(names->begin(), names->end());
  std::vector<SegmentId> unfinished;
  for (const ManifestSegment& entry : manifest.segments) {
    const std::string name = segment_name(id_of(entry));
    if (present.contains(name) || entry.state == SegmentState::kDropped) continue;
    if (entry.state == SegmentState::kSpare && present.contains(name + std::string(kTemporarySuffix))) {
      // The manifest names the spare, and its file still has the temporary name: nothing was written to it.
      // The file stays until a manifest without it is durable, and the start after that removes it.
      unfinished.push_back(id_of(entry));
      std::erase(removable, name + std::string(kTemporarySuffix));
      continue;
    }
    return {StatusCode::kRefused,
            fmt::format(
                "{}/{}: is missing, and the manifest names it: put it back, or restore the directory from a "
                "backup",
                context.directory, name)};
  }
  std::erase_if(manifest.segments, [&](const ManifestSegment& entry) {
    return std::find(unfinished.begin(), unfinished.end(), id_of(entry)) != unfinished.end();
  });
  return removable;
}

}  // namespace minikv::engine
