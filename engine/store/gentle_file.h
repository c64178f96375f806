// Large writes that nobody waits for, beside the small synced ones that somebody waits for.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "engine/io/file_system.h"
#include "engine/store/state.h"

namespace minikv::engine {

// A file that is written in pieces, each synced at once: whoever syncs the log meanwhile waits for one piece, not for
// all that has gathered in memory. If somebody did, it rests for as long as the piece took, so that the disk is the
// writer's for half of the time at least, however fast or slow it is; if nobody did, it goes on at full speed. What it
// writes at once is small too, so that the page cache keeps the file in small folios, which are faster to read from.
//
// Thread safety: as File's, but write() by one thread at a time.
class GentleFile final : public File {
 public:
  // `is_urgent` is asked before each rest: somebody waits for these very writes. May be null.
  GentleFile(File& file, const SharedState& state, std::function<bool()> is_urgent = {});

  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override;

  Result<std::uint64_t> size() const override { return file_.size(); }
  Status read(std::uint64_t offset, std::span<char> out) const override { return file_.read(offset, out); }
  Status sync() override { return file_.sync(); }
  Status truncate(std::uint64_t size) override { return file_.truncate(size); }
  void drop_cache() override { file_.drop_cache(); }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t length) const override { return file_.map(length); }

 private:
  using Time = std::chrono::steady_clock::time_point;

  Status end_piece(Time begun);
  void rest(std::chrono::steady_clock::duration took);

  File& file_;
  const SharedState& state_;
  const std::function<bool()> is_urgent_;
  const std::uint64_t piece_bytes_;
  std::uint64_t unsynced_ = 0;
  std::uint64_t syncs_seen_;
};

}  // namespace minikv::engine
