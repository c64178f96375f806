// The manifest: which segments make up the store. Two copies of it lie in one file; a commit writes one after
// the other, the staler one first, each synced, so that a torn write leaves the other, and so that a rotten
// copy never brings back an older state.
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
  std::uint64_t next_segment_id = 1;
  std::uint64_t seq_limit = 1;
  std::uint64_t clean_sequence = 0;
  std::int64_t engine_time_ms = 0;
  std::vector<ManifestSegment> segments;
  LeadRecord lead;  // the feature bit is set if there is one

  ManifestSegment* find(std::uint64_t id);
  const ManifestSegment* find(std::uint64_t id) const;
  // Whether a file that is shorter than it says was cut by somebody else.
  bool knows_lengths() const { return (incompat_features & kFeatureLengths) != 0; }
};

// One of the places where a copy may stand.
struct ManifestCopy {
  std::uint64_t offset = 0;
  Result<Manifest> manifest = Status(StatusCode::kCorruption, "not read");
};

// What a manifest's file holds, whatever became of it.
struct ManifestCopies {
  // The two that there should be; behind them whatever else checks out: of a file that was cut the middle is
  // somewhere else.
  std::vector<ManifestCopy> copies;
  std::uint64_t file_bytes = 0;
  std::uint64_t made_bytes = 0;  // that the file had at least when it was made

  const ManifestCopy* newest() const;  // of those that check out; null: none does
  // It was cut, or copied in part, and no start takes it.
  bool is_refused_for_length() const;
  // Of a copy that does not check out: the problem, and what becomes of it.
  std::string tell(const ManifestCopy& damaged) const;
};
// Never fails where bytes can't be read: such a copy does not check out.
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

  // Reads the newer of the copies that check out. kNotFound: there is no manifest. kRefused: neither does, a
  // newer format, or the file is not as long as it was made. `note`, if not null, receives what should be
  // logged about a damaged copy; it is left alone if the file is refused.
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
  std::uint64_t copy_bytes_ = 0;       // of one copy's room in the file
  std::uint64_t grow_from_bytes_ = 0;  // a copy that is as long wants more room, if there is some
  bool lacked_room_ = false;
  bool has_wrong_length_ = false;  // it was cut before lengths were known: it is made anew
  // The copy that a commit begins with: not the one that is the newest, which may be the only one that is
  // whole.
  std::uint64_t staler_copy_ = 0;
  bool is_synced_ = true;  // false: what was read may be what memory remembers of a commit that was cut short
};

}  // namespace minikv::engine
