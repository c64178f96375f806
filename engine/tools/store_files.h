// The files of a store that no process has open, for reading: nothing is ever written to its directory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/format/frame.h"
#include "engine/format/manifest.h"
#include "engine/io/store_lock.h"
#include "engine/segment/open_files.h"
#include "engine/tools/finding.h"
#include "engine/tools/tolerant_file.h"

namespace minikv::engine {

// A segment that belongs to the store.
struct SegmentFile {
  ManifestSegment entry{};  // without a manifest: what its header says
  std::string name;
  std::unique_ptr<TolerantFile> file;  // null: missing
  std::uint64_t file_size = 0;
  // The end of the frames that count, and the end of what was written behind them. A segment that was never
  // sealed has zeros behind its last frame, or what an earlier segment has left in its file.
  std::uint64_t end = 0;
  std::uint64_t data_end = 0;
  // An earlier start has accepted the loss of exactly the bytes that can't be read.
  bool is_loss_accepted = false;

  SegmentIdentity identity() const { return {id_of(entry), entry.salt}; }
  bool is_sealed() const { return entry.state == SegmentState::kSealed; }
  bool is_recycled() const { return (entry.flags & kSegmentRecycled) != 0; }
};

// Thread safety: not thread-safe.
class StoreFiles {
 public:
  // Holds the store's lock for as long as the object lives. kLocked: another process has the store open.
  // kNotFound: there is no store. kRefused: a newer format. A defect of a file is a finding, and no error.
  static Result<StoreFiles> open(FileSystem& file_system, const std::string& directory);

  FileSystem& file_system() { return *file_system_; }
  const std::string& directory() const { return directory_; }
  // Whether the lock keeps other processes from changing the store meanwhile.
  bool is_locked() const { return lock_.is_locked(); }
  // The newer of the copies that check out; nothing: neither does.
  const std::optional<Manifest>& manifest() const { return manifest_; }
  const std::vector<ManifestCopy>& copies() const { return copies_; }
  // In the order of their sequences, the log's end last.
  std::vector<SegmentFile>& segments() { return segments_; }
  const std::vector<Finding>& findings() const { return findings_; }
  std::uint64_t bytes() const;

 private:
  StoreFiles(StoreLock lock, std::string directory)
      : lock_(std::move(lock)),
        file_system_(lock_.files().get()),
        open_files_(std::make_shared<OpenFiles>(lock_.files(), FileBudget::kMinKeptOpen)),
        directory_(std::move(directory)) {}

  Status read_manifest(const std::vector<std::string>& names);
  Status check_names(const std::vector<std::string>& names);
  Status check_unnamed_segment(const std::string& name);
  Status open_named_segments();
  Status open_unnamed_segments(const std::vector<std::string>& names);
  void check_header(SegmentFile& segment);
  Result<bool> open_segment_file(SegmentFile& segment);
  void report(FindingKind kind, Effect effect, const std::string& file, std::string what);

  StoreLock lock_;
  FileSystem* file_system_;
  std::shared_ptr<OpenFiles> open_files_;
  std::string directory_;
  std::optional<Manifest> manifest_;
  std::vector<ManifestCopy> copies_;
  std::vector<SegmentFile> segments_;
  std::vector<Finding> findings_;
};

}  // namespace minikv::engine
