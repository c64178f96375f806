// Writes a new store from records that keep their sequences and versions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/format/frame.h"
#include "engine/format/manifest.h"
#include "engine/io/store_lock.h"

namespace minikv::engine {

// The builder writes compacted segments, for which the order of sequences does not matter. The store uses no
// incompatible feature: earlier versions open it, and this one adds its own at its first start. The manifest
// comes last: before that the directory is no store, and minikvd refuses it. The destructor removes what was
// written, unless finish() returned ok.
//
// Thread safety: not thread-safe.
class StoreBuilder {
 public:
  // Makes the directory if it is missing. kRefused: it is not empty. `created_ms`: engine time.
  static Result<std::unique_ptr<StoreBuilder>> create(FileSystem& file_system, const std::string& directory,
                                                      std::uint64_t segment_size, std::int64_t created_ms);
  ~StoreBuilder();
  StoreBuilder(const StoreBuilder&) = delete;
  StoreBuilder& operator=(const StoreBuilder&) = delete;

  // Key and value are copied or written before it returns.
  Status add(const NewRecord& record);
  // Makes everything durable. The store's sequences go on at `next_sequence`.
  Status finish(std::uint64_t next_sequence);

  std::uint64_t segments() const { return entries_.size(); }
  std::uint64_t bytes() const { return bytes_; }  // of finished segments

 private:
  StoreBuilder(StoreLock lock, std::string directory, std::uint64_t segment_size, std::int64_t created_ms);
  Status begin_segment();
  Status write_frame();
  Status end_segment();

  StoreLock lock_;
  FileSystem& file_system_;
  const std::string directory_;
  const std::uint64_t segment_size_;
  const std::int64_t created_ms_;
  Manifest manifest_;
  std::vector<ManifestSegment> entries_;
  std::vector<std::string> paths_;  // of all that was made
  std::unique_ptr<File> file_;      // null: no segment is open
  FrameBuilder frame_;
  std::uint64_t frame_min_seq_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t bytes_ = 0;
  bool is_finished_ = false;
};

}  // namespace minikv::engine
