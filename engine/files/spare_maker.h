// Makes the file of a spare segment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/core/context.h"
#include "engine/files/disk_space.h"
#include "engine/files/log_syncer.h"
#include "engine/files/store_manifest.h"

namespace minikv::engine {

// The first identity from `draw` under which nothing checks out that was written as `before`.
SegmentIdentity draw_distinct(const SegmentIdentity& before, const std::function<SegmentIdentity()>& draw);

// Thread safety: the keeper's thread alone.
class SpareMaker {
 public:
  // `is_urgent`: whether something waits for the file; asked between two pieces.
  SpareMaker(StoreContext& context, StoreManifest& manifest, DiskSpace& disk, LogSyncer& syncer,
             std::function<bool()> is_urgent);

  // Makes a file that is durable and named in the manifest: of one that is kept to be recycled, or a new one.
  // Sets `made` to kOk, or to the reason why there is no file. After a returned error the store must take no
  // writes.
  //
  // `left_over` bytes of room must remain; 0: the free room is not compared before the file is tried.
  Status create(std::uint64_t size, std::uint64_t left_over, Status& made);
  // The same, with a file as large as there is room for. Where there is hardly any, hints may go for it,
  // since they are only caches.
  Status create_small(bool may_drop_hints, Status& made);

  // Whether a file that was made has not been opened yet.
  bool has_unopened() const { return unopened_.has_value(); }
  // Opens that file. On an error the call can be tried again.
  Result<std::shared_ptr<Segment>> open();

 private:
  // A segment that is being made.
  struct Unopened {
    SegmentIdentity identity;
    bool is_recycled = false;
  };

  Status create_new(std::uint64_t size, std::uint64_t left_over, Status& made);
  Status write_blank(const SegmentIdentity& identity, std::uint64_t size, const std::string& path);
  Result<bool> recycle(const ManifestSegment& old, std::uint64_t size, Status& made);
  bool overwrite(const std::string& path, const ManifestSegment& old, std::uint64_t size);
  Status name(const Unopened& segment, std::uint64_t size, Status& made);
  Status fill(File& file, std::uint64_t begin, std::uint64_t end);
  const SegmentIdentity& next_identity();
  std::string temporary_path() const;
  Result<bool> drop_largest_hint();

  StoreContext& context_;
  StoreManifest& manifest_;
  DiskSpace& disk_;
  LogSyncer& syncer_;
  const std::function<bool()> is_urgent_;
  std::optional<SegmentIdentity> unused_;  // of one that could not be made
  std::optional<Unopened> unopened_;
};

}  // namespace minikv::engine
