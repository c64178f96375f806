// Finds and opens the files of a store without changing one.
#include "engine/tools/store_files.h"

#include <algorithm>
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "engine/format/file_names.h"
#include "engine/format/hint.h"
#include "engine/segment/segment.h"
#include "engine/segment/segment_reader.h"

namespace minikv::engine {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The header at the front of a file, if it is there whole.
std::optional<SegmentHeader> read_header(const File& file) {
  auto size = file.size();
  if (!size || *size < sizeof(SegmentHeader)) return std::nullopt;
  std::string bytes(sizeof(SegmentHeader), '\0');
  if (!file.read(0, bytes)) return std::nullopt;
  SegmentHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header;
}

void sort_by_sequence(std::vector<SegmentFile>& segments) {
  std::stable_sort(segments.begin(), segments.end(), [](const SegmentFile& a, const SegmentFile& b) {
    if (a.entry.state != b.entry.state) return a.entry.state < b.entry.state;  // sealed, active, spare
    return a.entry.min_seq < b.entry.min_seq;
  });
}

}  // namespace

Result<StoreFiles> StoreFiles::open(FileSystem& file_system, const std::string& directory) {
  MINIKV_ASSIGN_OR_RETURN(auto names, file_system.list(directory));
  std::sort(names.begin(), names.end());
  const bool has_segments = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return parse_segment_name(name) != kNoSegment;
  });
  if (!contains(names, ManifestFile::kName) && !has_segments) {
    return {StatusCode::kNotFound, directory + ": there is no store"};
  }
  auto lock = StoreLock::take_for_reading(file_system, directory);
  if (lock.code() == StatusCode::kLocked) {
    return {StatusCode::kLocked,
            directory + ": another process has this store open: stop it, or work on a copy"};
  }
  if (!lock) return lock.status();
  StoreFiles store(*std::move(lock), directory);
  MINIKV_TRY(store.read_manifest(names));
  MINIKV_TRY(store.check_names(names));
  MINIKV_TRY(store.manifest_ ? store.open_named_segments() : store.open_unnamed_segments(names));
  sort_by_sequence(store.segments_);
  return store;
}

std::uint64_t StoreFiles::bytes() const {
  std::uint64_t sum = 0;
  for (const SegmentFile& segment : segments_) sum += segment.file_size;
  return sum;
}

void StoreFiles::report(FindingKind kind, Effect effect, const std::string& file, std::string what) {
  findings_.push_back({kind, effect, std::move(what), file});
}

Status StoreFiles::read_manifest(const std::vector<std::string>& names) {
  constexpr const char* kName = ManifestFile::kName;
  const char* const without =
      "the segments are read by what their own headers say; one that was compacted away and not yet removed "
      "may bring back what was deleted";
  if (!contains(names, kName)) {
    report(FindingKind::kManifest, Effect::kNameless, kName, fmt::format("it is missing: {}", without));
    return {};
  }
  MINIKV_ASSIGN_OR_RETURN(auto opened, file_system_->open(directory_ + "/" + kName, OpenMode::kRead));
  TolerantFile file(std::move(opened));
  MINIKV_ASSIGN_OR_RETURN(auto read, read_manifest_copies(file));
  for (const ManifestCopy& copy : read.copies) {
    if (copy.manifest.code() == StatusCode::kRefused)
      return copy.manifest.status().with_context(directory_ + "/" + kName);
  }
  if (const ManifestCopy* const newest = read.newest()) manifest_ = *newest->manifest;
  if (read.file_bytes != read.made_bytes) {
    report(FindingKind::kShortFile, read.is_refused_for_length() ? Effect::kBlocking : Effect::kNothingLost,
           kName,
           fmt::format("it has {} bytes and was made with {} or more: it was cut, or copied in part",
                       read.file_bytes, read.made_bytes));
  }
  for (const ManifestCopy& copy : read.copies) {
    if (copy.manifest) continue;
    report(FindingKind::kManifestCopy, manifest_ ? Effect::kNothingLost : Effect::kNameless, kName,
           read.tell(copy));
    findings_.back().has_offset = true;
    findings_.back().offset = copy.offset;
  }
  copies_ = std::move(read.copies);
  for (const ByteRange& range : file.unreadable()) {
    findings_.push_back(unreadable_finding(kName, range));
  }
  if (!manifest_)
    report(FindingKind::kManifest, Effect::kNameless, kName, fmt::format("no copy checks out: {}", without));
  return {};
}

Status StoreFiles::check_names(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const SegmentId id = parse_segment_name(name);
    if (name == StoreLock::kFileName || name == ManifestFile::kName || name == "lost+found") continue;
    if (id != kNoSegment) {
      if (manifest_ && manifest_->find(id) == nullptr) MINIKV_TRY(check_unnamed_segment(name));
    } else if (const SegmentId of = parse_hint_name(name); of != kNoSegment) {
      const ManifestSegment* entry = manifest_ ? manifest_->find(of) : nullptr;
      if (manifest_ && (entry == nullptr || entry->state != SegmentState::kSealed)) {
        report(FindingKind::kLeftover, Effect::kNote, name,
               "the hint of a segment that is not sealed, or not there any more; the next start removes it");
      }
    } else if (is_temporary_name(name)) {
      report(FindingKind::kLeftover, Effect::kNote, name,
             "left over from work that was cut short; the next start removes it");
    } else if (name.starts_with("segment-") && name.ends_with(".cut")) {
      report(FindingKind::kKeptAside, Effect::kNote, name,
             "an earlier start cut this off the log's end and kept it aside; never read");
    } else {
      report(FindingKind::kForeignFile, Effect::kBlocking, name, "does not belong to a store");
    }
  }
  return {};
}

// A segment that a compaction wrote and did not commit says so in its header.
Status StoreFiles::check_unnamed_segment(const std::string& name) {
  MINIKV_ASSIGN_OR_RETURN(auto file, file_system_->open(directory_ + "/" + name, OpenMode::kRead));
  const auto header = read_header(*file);
  const bool is_leftover = header && segment_header_checks_out(*header) &&
                           header->kind == SegmentKind::kCompacted && header->store_id == manifest_->store_id;
  if (is_leftover) {
    report(FindingKind::kLeftover, Effect::kNote, name,
           "written by a compaction that did not finish; the next start removes it");
  } else {
    report(FindingKind::kForeignFile, Effect::kBlocking, name, "a segment that the manifest does not name");
  }
  return {};
}

// False: there is no such file.
Result<bool> StoreFiles::open_segment_file(SegmentFile& segment) {
  auto file = open_files_->open(directory_ + "/" + segment.name, OpenMode::kRead);
  if (file.code() == StatusCode::kNotFound) return false;
  if (!file) return file.status();
  (*file)->allow_closing();
  segment.file = std::make_unique<TolerantFile>(std::move(*file));
  MINIKV_ASSIGN_OR_RETURN(segment.file_size, segment.file->size());
  return true;
}

Status StoreFiles::open_named_segments() {
  for (const ManifestSegment& entry : manifest_->segments) {
    if (entry.state == SegmentState::kDropped) continue;
    SegmentFile segment;
    segment.entry = entry;
    segment.name = segment_name(id_of(entry));
    MINIKV_ASSIGN_OR_RETURN(const auto is_there, open_segment_file(segment));
    if (is_there) {
      check_header(segment);
    } else if (entry.state == SegmentState::kSpare) {
      // A spare gets its name once the manifest has it. Without a temporary file it had its name already, and
      // its contents are gone.
      auto temporary = file_system_->open(directory_ + "/" + segment.name + std::string(kTemporarySuffix),
                                          OpenMode::kRead);
      if (temporary) continue;
    }
    if (!segment.file) {
      report(FindingKind::kMissingSegment, Effect::kNameless, segment.name,
             "the manifest names it, and it is not there");
      findings_.back().first_sequence = entry.min_seq;
      findings_.back().last_sequence = entry.max_seq;
    }
    segments_.push_back(std::move(segment));
  }
  return {};
}

// The manifest knows all that the header says, so a damaged header costs nothing. A sound header that names
// another segment means that the file is not the store's.
void StoreFiles::check_header(SegmentFile& segment) {
  const ManifestSegment& entry = segment.entry;
  const auto header = read_header(*segment.file);
  if (!header || !segment_header_checks_out(*header)) {
    report(FindingKind::kSegmentHeader, Effect::kNothingLost, segment.name,
           "the segment's header does not check out; the manifest knows what it said");
    findings_.back().has_offset = true;
    findings_.back().length = sizeof(SegmentHeader);
  } else if (header->segment_id != entry.id || header->salt != entry.salt || header->kind != entry.kind ||
             header->store_id != manifest_->store_id) {
    report(FindingKind::kForeignSegment, Effect::kNameless, segment.name,
           "belongs to another store or to another incarnation of this one; the right file is missing");
    findings_.back().first_sequence = entry.min_seq;
    findings_.back().last_sequence = entry.max_seq;
    segment.file.reset();
    segment.file_size = 0;
  }
}

// Without a manifest: takes the segments with a sound header and the store id that most of them have.
Status StoreFiles::open_unnamed_segments(const std::vector<std::string>& names) {
  std::map<StoreId, std::size_t> stores;
  std::vector<std::pair<SegmentFile, StoreId>> found;
  for (const std::string& name : names) {
    const SegmentId id = parse_segment_name(name);
    if (id == kNoSegment) continue;
    SegmentFile segment;
    segment.name = name;
    MINIKV_ASSIGN_OR_RETURN(const auto is_there, open_segment_file(segment));
    const auto header = is_there ? read_header(*segment.file) : std::nullopt;
    if (!header || !segment_header_checks_out(*header) || header->segment_id != id.number()) {
      report(FindingKind::kSegmentHeader, Effect::kNameless, name,
             "the segment's header does not check out: without a manifest none of it can be read");
      continue;
    }
    segment.entry.id = header->segment_id;
    segment.entry.salt = header->salt;
    segment.entry.kind = header->kind;
    if ((header->compat_features & kCompatRecycled) != 0) segment.entry.flags = kSegmentRecycled;
    segment.entry.size = segment.file_size;
    const bool is_log = header->kind == SegmentKind::kLog;
    segment.entry.state = is_log ? SegmentState::kActive : SegmentState::kSealed;
    SegmentReader reader(*segment.file, segment.file_size);
    auto frame = read_frame(reader, segment.identity(), sizeof(SegmentHeader));
    if (frame) segment.entry.min_seq = frame->header.first_sequence;
    ++stores[header->store_id];
    found.emplace_back(std::move(segment), header->store_id);
  }
  const auto most = std::max_element(stores.begin(), stores.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  for (auto& [segment, store] : found) {
    if (store == most->first) {
      segments_.push_back(std::move(segment));
    } else {
      report(FindingKind::kForeignSegment, Effect::kBlocking, segment.name,
             "belongs to another store than most of the others");
    }
  }
  return {};
}

}  // namespace minikv::engine
