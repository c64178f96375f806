// The manifest: the list of the segments that make up the store. Its file has two copies. A commit writes and
// syncs the staler copy first, and then the other: a torn write leaves one intact, and a damaged copy never
// brings back an older state.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/lead_record.h"
#include "engine/format/layout.h"
#include "engine/io/file_system.h"

namespace minikv::engine {

struct Manifest {
  StoreId store_id{};
  std::uint32_t compat_features = 0;
  std::uint32_t incompat_features = 0;
  std::uint64_t generation = 0;
  std::uint64_t next_segment_id = 1;  // a number, as ManifestSegment::id
  std::uint64_t seq_limit = 1;
  std::uint64_t clean_sequence = 0;
  std::int64_t engine_time_ms = 0;
  std::vector<ManifestSegment> segments;
  LeadRecord lead;  // the feature bit is set if there is one

  ManifestSegment* find(SegmentId id);
  const ManifestSegment* find(SegmentId id) const;
  // Whether a segment is in a recycled file; the feature bit is set then.
  bool has_recycled() const;
  // Whether a file that is shorter than the manifest says was cut from outside minikv (see kFeatureLengths).
  bool knows_lengths() const { return (incompat_features & kFeatureLengths) != 0; }
};

// An offset where a copy may stand, and the copy if it checks out.
struct ManifestCopy {
  std::uint64_t offset = 0;
  Result<Manifest> manifest = Status(StatusCode::kCorruption, "not read");
};

// All that a manifest's file holds, even if it is damaged.
struct ManifestCopies {
  // The two copies that there should be, and behind them any others that check out: in a file that was cut,
  // the second copy is not in the middle.
  std::vector<ManifestCopy> copies;
  std::uint64_t file_bytes = 0;
  std::uint64_t made_bytes = 0;  // the minimum that the file had when it was made

  const ManifestCopy* newest() const;  // of those that check out; null: none does
  // Whether a start refuses the file because it was cut, or copied in part.
  bool is_refused_for_length() const;
  // Describes a copy that does not check out: the problem, and what becomes of the copy.
  std::string tell(const ManifestCopy& damaged) const;
};
// Does not fail where bytes can't be read: a copy with such bytes does not check out.
Result<ManifestCopies> read_manifest_copies(const File& file);

// The length that a manifest's file of at least `bytes` has.
std::uint64_t manifest_file_bytes(std::uint64_t bytes);

std::string encode_manifest(const Manifest& manifest);
// kCorruption: does not check out. kRefused: a newer format or unknown features.
Result<Manifest> decode_manifest(std::string_view bytes);

// Thread safety: not thread-safe; one thread commits.
class ManifestFile {
 public:
  ManifestFile(FileSystem& file_system, std::string directory);

  // Reads the newer of the copies that check out. kNotFound: there is no manifest. kRefused: neither does,
  // the format is newer, or the file is not as long as it was made. `note`, if not null, receives what should
  // be logged about a damaged copy; it is unchanged if the file is refused.
  Result<Manifest> load(std::string* note);
  // Durable when it returns ok. On an error the file may hold either state.
  Status commit(Manifest& manifest);

  // Whether the last commit() has found no room for a longer manifest (kDiskFull), and has changed nothing.
  bool lacked_room() const { return lacked_room_; }

  static constexpr const char* kName = "MANIFEST";
  static constexpr const char* kTemporaryName = "MANIFEST.tmp";

 private:
  Status rewrite(std::string_view encoded, std::uint64_t copy_bytes);

  FileSystem& file_system_;
  std::string directory_;
  std::unique_ptr<File> file_;
  std::uint64_t copy_bytes_ = 0;       // the room of one copy in the file
  std::uint64_t grow_from_bytes_ = 0;  // from this length of a copy on, a commit tries to enlarge the file
  bool lacked_room_ = false;
  bool has_wrong_length_ = false;  // it was cut, and has no kFeatureLengths: a commit rewrites it
  // The copy that a commit writes first: never the newest one, which may be the only intact one.
  std::uint64_t staler_copy_ = 0;
  bool is_synced_ = true;  // false: load() may have read pages of an interrupted commit that are not on disk
};

}  // namespace minikv::engine
