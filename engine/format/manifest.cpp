// The two copies of the manifest: which one counts, and how both are written.
#include "engine/format/manifest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "engine/format/crc32c.h"
#include "engine/format/object_bytes.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kFirstCopyBytes = 16 * kPageBytes;
// A commit that could not enlarge the file on a full disk tries again when the manifest has grown by a
// kGrowthTries-th of a copy's room.
constexpr std::uint64_t kGrowthTries = 64;
constexpr std::size_t kManifestChecksummedFrom = offsetof(ManifestHeader, format_version);

// Far beyond what a store can use up, and low enough that no sum overflows.
constexpr std::uint64_t kMaxSequence = std::uint64_t{1} << 62;

constexpr std::uint64_t grow_from(std::uint64_t copy_bytes) { return copy_bytes / 2; }

// A manifest with a correct checksum was written by minikv, but for a bug or an attack. Even then no segment
// may pass for another.
Status check_numbers(const Manifest& manifest) {
  std::vector<std::uint64_t> ids;
  ids.reserve(manifest.segments.size());
  for (const ManifestSegment& segment : manifest.segments) ids.push_back(segment.id);
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) {
    return {StatusCode::kCorruption, "the manifest names a segment twice"};
  }
  const bool is_in_range = manifest.next_segment_id <= kMaxSegmentId &&
                           (ids.empty() || (ids.front() != 0 && ids.back() <= kMaxSegmentId));
  if (!is_in_range)
    return {StatusCode::kCorruption, "the manifest has an id of a segment that none can have"};
  const bool has_impossible_size =
      std::any_of(manifest.segments.begin(), manifest.segments.end(),
                  [](const ManifestSegment& segment) { return segment.size > kMaxSegmentBytes; });
  if (has_impossible_size)
    return {StatusCode::kCorruption, "the manifest has a segment that is larger than one can be"};
  if (manifest.clean_sequence <= manifest.seq_limit && manifest.seq_limit <= kMaxSequence) return {};
  return {StatusCode::kCorruption, "the manifest says of more sequences that they were used than it allows"};
}

std::uint32_t lead_checksum(const ManifestLead& block, std::uint32_t manifest_checksum) {
  return crc32c(bytes_of(block).substr(offsetof(ManifestLead, reserved)), manifest_checksum);
}

// The wall clock may have been set to before 1970. The engine clamps its readings to kLatestMs, so that no
// sum overflows.
bool is_possible(const LeadRecord& record) {
  constexpr std::int64_t kMaxMs = 2 * kLatestMs;  // time has passed since the clock was read
  return record.lead.exists() && record.lead.wall_ms >= -kMaxMs && record.lead.engine_ms <= kMaxMs &&
         record.steady_ms >= 0 && record.steady_ms <= kMaxMs;
}

std::string encode_lead(const LeadRecord& record, std::uint32_t manifest_checksum) {
  ManifestLead block{0, 0, record.lead.wall_ms, record.lead.engine_ms, record.steady_ms, record.boot};
  block.checksum = lead_checksum(block, manifest_checksum);
  return std::string(bytes_of(block));
}

Result<LeadRecord> decode_lead(std::string_view bytes, std::uint32_t manifest_checksum) {
  ManifestLead block;
  if (bytes.size() < sizeof(block)) return {StatusCode::kCorruption, "the manifest ends too early"};
  std::memcpy(&block, bytes.data(), sizeof(block));
  const LeadRecord record{{block.wall_ms, block.engine_ms}, block.steady_ms, block.boot};
  if (block.checksum != lead_checksum(block, manifest_checksum) || !is_possible(record))
    return {StatusCode::kCorruption, "what the manifest says of engine time does not check out"};
  return record;
}

}  // namespace

ManifestSegment* Manifest::find(SegmentId id) {
  const auto found = std::find_if(segments.begin(), segments.end(),
                                  [id](const ManifestSegment& segment) { return id_of(segment) == id; });
  return found == segments.end() ? nullptr : &*found;
}

const ManifestSegment* Manifest::find(SegmentId id) const { return const_cast<Manifest*>(this)->find(id); }

bool Manifest::has_recycled() const {
  return std::any_of(segments.begin(), segments.end(),
                     [](const ManifestSegment& segment) { return (segment.flags & kSegmentRecycled) != 0; });
}

std::uint64_t manifest_file_bytes(std::uint64_t bytes) {
  std::uint64_t valid = 2 * kFirstCopyBytes;
  while (valid < bytes) valid *= 2;
  return valid;
}

std::string encode_manifest(const Manifest& manifest) {
  ManifestHeader header{};
  std::memcpy(header.magic, kManifestMagic, sizeof(header.magic));
  header.format_version = kFormatVersion;
  header.compat_features = manifest.compat_features;
  header.incompat_features = manifest.incompat_features & ~(kFeatureLead | kFeatureRecycled);
  if (manifest.lead.lead.exists()) header.incompat_features |= kFeatureLead;
  if (manifest.has_recycled()) header.incompat_features |= kFeatureRecycled;
  header.generation = manifest.generation;
  header.store_id = manifest.store_id;
  header.next_segment_id = manifest.next_segment_id;
  header.seq_limit = manifest.seq_limit;
  header.clean_sequence = manifest.clean_sequence;
  header.engine_time_ms = manifest.engine_time_ms;
  header.segment_count = static_cast<std::uint32_t>(manifest.segments.size());

  std::string bytes(sizeof(header) + manifest.segments.size() * sizeof(ManifestSegment), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  if (!manifest.segments.empty()) {
    std::memcpy(bytes.data() + sizeof(header), manifest.segments.data(),
                manifest.segments.size() * sizeof(ManifestSegment));
  }
  const std::uint32_t checksum = crc32c(std::string_view(bytes).substr(kManifestChecksummedFrom));
  std::memcpy(bytes.data() + offsetof(ManifestHeader, checksum), &checksum, sizeof(checksum));
  if (manifest.lead.lead.exists()) bytes += encode_lead(manifest.lead, checksum);
  return bytes;
}

Result<Manifest> decode_manifest(std::string_view bytes) {
  ManifestHeader header;
  if (bytes.size() < sizeof(header)) return {StatusCode::kCorruption, "the manifest is too short"};
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kManifestMagic, sizeof(header.magic)) != 0) {
    return {StatusCode::kCorruption, "the manifest's magic is wrong"};
  }
  const std::uint64_t length = sizeof(header) + std::uint64_t{header.segment_count} * sizeof(ManifestSegment);
  if (length > bytes.size() ||
      header.checksum != crc32c(bytes.substr(kManifestChecksummedFrom, length - kManifestChecksummedFrom))) {
    return {StatusCode::kCorruption, "the manifest's checksum does not match"};
  }
  if (header.format_version > kFormatVersion || (header.incompat_features & ~kKnownIncompatFeatures) != 0) {
    return {StatusCode::kRefused,
            fmt::format(
                "the store has format version {} with features {:#x}, and this minikv knows version {} with "
                "features {:#x}: use the version of minikv that wrote it, or a newer one",
                header.format_version, header.incompat_features, kFormatVersion, kKnownIncompatFeatures)};
  }
  Manifest manifest;
  manifest.store_id = header.store_id;
  manifest.compat_features = header.compat_features;
  manifest.incompat_features = header.incompat_features;
  manifest.generation = header.generation;
  manifest.next_segment_id = header.next_segment_id;
  manifest.seq_limit = header.seq_limit;
  manifest.clean_sequence = header.clean_sequence;
  manifest.engine_time_ms = header.engine_time_ms;
  manifest.segments.resize(header.segment_count);
  if (header.segment_count > 0) {
    std::memcpy(manifest.segments.data(), bytes.data() + sizeof(header),
                header.segment_count * sizeof(ManifestSegment));
  }
  MINIKV_TRY(check_numbers(manifest));
  if ((header.incompat_features & kFeatureLead) != 0) {
    MINIKV_ASSIGN_OR_RETURN(manifest.lead, decode_lead(bytes.substr(length), header.checksum));
  }
  return manifest;
}

ManifestFile::ManifestFile(FileSystem& file_system, std::string directory)
    : file_system_(file_system), directory_(std::move(directory)) {}

const ManifestCopy* ManifestCopies::newest() const {
  const ManifestCopy* newest = nullptr;
  for (const ManifestCopy& copy : copies) {
    if (!copy.manifest) continue;
    if (newest == nullptr || copy.manifest->generation > newest->manifest->generation) newest = &copy;
  }
  return newest;
}

bool ManifestCopies::is_refused_for_length() const {
  const ManifestCopy* const good = newest();
  return good != nullptr && good->manifest->knows_lengths() && file_bytes != made_bytes;
}

std::string ManifestCopies::tell(const ManifestCopy& damaged) const {
  const char* outcome = "; another one does, and a start that succeeds writes both anew";
  if (newest() == nullptr) outcome = "";
  if (is_refused_for_length()) outcome = "; another one does";
  return fmt::format("a copy does not check out ({}){}", damaged.manifest.status().message(), outcome);
}

Result<ManifestCopies> read_manifest_copies(const File& file) {
  auto size = file.size();
  if (!size) return size.status();
  ManifestCopies result;
  result.file_bytes = *size;
  result.made_bytes = manifest_file_bytes(*size);
  const auto read_copy = [&](std::uint64_t offset) -> Result<Manifest> {
    if (offset >= *size) return {StatusCode::kCorruption, "the file ends before it"};
    std::string bytes(static_cast<std::size_t>(*size - offset), '\0');
    MINIKV_TRY(file.read(offset, bytes));
    return decode_manifest(bytes);
  };
  for (const std::uint64_t offset : {std::uint64_t{0}, result.made_bytes / 2})
    result.copies.push_back({offset, read_copy(offset)});
  for (std::uint64_t offset = kFirstCopyBytes; offset < *size; offset *= 2) {
    if (offset == result.made_bytes / 2) continue;
    if (ManifestCopy copy{offset, read_copy(offset)}; copy.manifest) result.copies.push_back(std::move(copy));
  }
  return result;
}

Result<Manifest> ManifestFile::load(std::string* note) {
  const std::string path = directory_ + "/" + kName;
  MINIKV_ASSIGN_OR_RETURN(auto file, file_system_.open(path, OpenMode::kReadWrite));
  MINIKV_ASSIGN_OR_RETURN(const ManifestCopies read, read_manifest_copies(*file));
  for (const ManifestCopy& copy : read.copies) {
    if (copy.manifest.code() == StatusCode::kRefused) return copy.manifest.status().with_context(path);
  }
  const ManifestCopy* const newest = read.newest();
  if (newest == nullptr) {
    return {StatusCode::kRefused, fmt::format("{}: no copy checks out ({}): restore the directory from a "
                                              "backup, or save what is there with \"minikvd repair\"",
                                              path, read.copies.front().manifest.status().message())};
  }
  if (read.is_refused_for_length()) {
    return {StatusCode::kRefused,
            fmt::format("{}: has {} bytes and was made with {} or more: it was cut, or copied in part: copy "
                        "it again, restore the directory from a backup, or save what is there with "
                        "\"minikvd repair\"",
                        path, read.file_bytes, read.made_bytes)};
  }
  for (const ManifestCopy& copy : read.copies) {
    if (!copy.manifest && note)
      *note = fmt::format("{} at offset {}: {}", path, copy.offset, read.tell(copy));
  }
  file_ = std::move(file);
  copy_bytes_ = read.made_bytes / 2;
  grow_from_bytes_ = grow_from(copy_bytes_);
  has_wrong_length_ = read.file_bytes != read.made_bytes;
  is_synced_ = false;
  staler_copy_ = newest->offset == 0 ? 1 : 0;
  return *newest->manifest;
}

Status ManifestFile::commit(Manifest& manifest) {
  ++manifest.generation;
  const std::string encoded = encode_manifest(manifest);
  const bool fits = file_ && encoded.size() <= copy_bytes_;
  lacked_room_ = false;
  // Whatever has gone wrong in this process, commit() must not replace the manifest on disk by an unreadable
  // one.
  if (auto read_back = decode_manifest(encoded); read_back.code() == StatusCode::kCorruption)
    return read_back.status().with_context(directory_ + "/" + kName +
                                           ": not written, as it could not be read");
  if (has_wrong_length_) {
    MINIKV_TRY(rewrite(encoded, copy_bytes_));
    has_wrong_length_ = false;
    return {};
  }
  if (!fits || encoded.size() >= grow_from_bytes_) {
    // The file grows long before it has to: on a full disk it can't, and the store must open and close all
    // the same.
    const Status grown = rewrite(encoded, fits ? 2 * copy_bytes_ : copy_bytes_);
    lacked_room_ = grown.code() == StatusCode::kDiskFull;
    if (!fits || !lacked_room_) return grown;
    lacked_room_ = false;
    grow_from_bytes_ = encoded.size() + copy_bytes_ / kGrowthTries;
  }
  if (!is_synced_) MINIKV_TRY(file_->sync());
  is_synced_ = true;
  const std::array<std::string_view, 1> pieces{encoded};
  for (int copy = 0; copy < 2; ++copy) {
    MINIKV_TRY(file_->write(staler_copy_ * copy_bytes_, pieces));
    MINIKV_TRY(file_->sync());
    staler_copy_ = 1 - staler_copy_;
  }
  return {};
}

// Writes a new file of two copies, each with room for at least `copy_bytes`. kDiskFull: the old file is
// unchanged.
Status ManifestFile::rewrite(std::string_view encoded, std::uint64_t copy_bytes) {
  copy_bytes = std::max(kFirstCopyBytes, copy_bytes);
  while (encoded.size() > copy_bytes) copy_bytes *= 2;
  const std::string temporary = directory_ + "/" + kTemporaryName;
  if (Status removed = file_system_.remove(temporary); !removed && removed.code() != StatusCode::kNotFound) {
    return removed;
  }
  MINIKV_ASSIGN_OR_RETURN(auto file, file_system_.open(temporary, OpenMode::kCreate));
  std::string both(copy_bytes * 2, '\0');
  std::memcpy(both.data(), encoded.data(), encoded.size());
  std::memcpy(both.data() + copy_bytes, encoded.data(), encoded.size());
  const std::array<std::string_view, 1> pieces{both};
  Status written = file->write(0, pieces);
  if (written) written = file->sync();
  if (!written) {
    // The room that it has taken is needed elsewhere.
    if (written.code() == StatusCode::kDiskFull) (void)file_system_.remove(temporary);
    return written;
  }
  Status named = file_system_.rename(temporary, directory_ + "/" + kName);
  if (named) named = file_system_.sync_dir(directory_);
  if (!named) {
    // kDiskFull would let commit() go on with the old file, but which of the two files has the name is not
    // known.
    return named.code() == StatusCode::kDiskFull ? Status(StatusCode::kIoError, named.message()) : named;
  }
  file_ = std::move(file);
  copy_bytes_ = copy_bytes;
  grow_from_bytes_ = grow_from(copy_bytes);
  return {};
}

}  // namespace minikv::engine
