// Large writes that no request waits for, beside the small synced ones that requests wait for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "engine/io/file_system.h"
#include "minikv/options.h"

namespace minikv::engine {

enum class Haste : std::uint8_t {
  kNone,  // it is not needed soon
  kSome,  // it must not take much longer than it would without rests
  kMost,  // it is waited for
};

// What large writes are paced by: how the log is synced, and the last sequence that was written to it. The
// number must outlive all that is paced.
struct Pacing {
  Fsync fsync;
  const std::atomic<std::uint64_t>& written_sequence;
};

// When to rest from work that keeps disk and processor busy, and for how long. If something was written
// meanwhile, for as long as the work took or a few times that: so both are the writers' for most of the time,
// however fast or slow they are. Not at all if nothing was written, nor where no write ever waits for the
// disk (fsync: never).
//
// Thread safety: not thread-safe.
class Rests {
 public:
  explicit Rests(const Pacing& pacing);

  // After work that took so long.
  std::chrono::steady_clock::duration after(std::chrono::steady_clock::duration took, Haste haste);

 private:
  const Pacing pacing_;
  std::uint64_t written_seen_;
};

// A file that is written in pieces, each synced at once: a sync of the log meanwhile waits for one piece, not
// for all that has gathered in memory. After each it rests (see above). What it writes at once is small too,
// so that the page cache keeps the file in small folios, which are faster to read from.
//
// Thread safety: as File's, but write() by one thread at a time.
class GentleFile final : public File {
 public:
  // `haste` is asked once for each piece; null: kSome.
  GentleFile(File& file, const Pacing& pacing, std::function<Haste()> haste = {});

  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override;

  Result<std::uint64_t> size() const override { return file_.size(); }
  Status read(std::uint64_t offset, std::span<char> out) const override { return file_.read(offset, out); }
  Status sync() override { return file_.sync(); }
  Status truncate(std::uint64_t size) override { return file_.truncate(size); }
  bool has_no_name() const override { return file_.has_no_name(); }
  void drop_cache() override { file_.drop_cache(); }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t length) const override { return file_.map(length); }

 private:
  using Time = std::chrono::steady_clock::time_point;

  void begin_piece();
  Status end_piece(Time begun);

  File& file_;
  const std::function<Haste()> haste_;
  const Fsync fsync_;
  Rests rests_;
  // Of the piece that is being written.
  Haste piece_haste_ = Haste::kSome;
  std::uint64_t piece_bytes_ = 0;
  std::uint64_t unsynced_ = 0;
};

}  // namespace minikv::engine
