// The end of a merge: it is committed, and the writer repoints the keys to the copies.
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

// A live record and where its copy is; `erase`: there is no copy, the key has expired.
struct Relocation {
  std::string key;
  std::uint32_t from_segment = 0;
  std::uint64_t from_offset = 0;
  Place to;
  bool erase = false;
};

// Thread safety: not thread-safe.
class Installer {
 public:
  // All must outlive it. Once `cancelled` is set, it does not wait for memory.
  Installer(SharedState& state, Keeper& keeper, Writer& writer, const std::atomic<bool>& cancelled)
      : state_(state), keeper_(keeper), writer_(writer), cancelled_(cancelled) {}

  // Puts the finished `output` into the place of the segments `inputs`. kIoError, kDiskFull: the merge has
  // not happened, or may have as far as the manifest goes, which the next start finds out. kShutdown: it has
  // happened, and what is left to do is the next start's.
  Status install(CompactionOutput& output, const std::vector<std::uint64_t>& inputs,
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
