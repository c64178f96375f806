// The end of a merge: commits it, and has the writer repoint the keys to the copies.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/commit/writer.h"
#include "engine/compaction/output.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"

namespace minikv::engine {

// A live record and the location of its copy. `erase`: there is no copy, since the key has expired.
struct Relocation {
  std::string key;
  SegmentId from_segment;
  std::uint64_t from_offset = 0;
  Location to;
  bool erase = false;
};

// Thread safety: not thread-safe.
class Installer {
 public:
  // All must outlive it. Once `cancelled` is set, install() does not wait for memory.
  Installer(SharedState& state, Keeper& keeper, Writer& writer, const std::atomic<bool>& cancelled)
      : state_(state), keeper_(keeper), writer_(writer), cancelled_(cancelled) {}

  // Replaces the segments `inputs` by the finished `output`. kIoError, kDiskFull: the merge is not committed,
  // or the manifest on disk may have it all the same, which the next start finds out. kShutdown: the merge is
  // committed, and the next start does the rest.
  Status install(CompactionOutput& output, const std::vector<SegmentId>& inputs,
                 std::span<const Relocation> relocations);

 private:
  Status on_writer(const std::function<void()>& work);
  void apply(std::span<const Relocation> relocations);
  void apply(const Relocation& relocation) MINIKV_REQUIRES(state_.lock);

  SharedState& state_;
  Keeper& keeper_;
  Writer& writer_;
  const std::atomic<bool>& cancelled_;
};

}  // namespace minikv::engine
