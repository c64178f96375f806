// Paced files: large writes that no request waits for, beside the small synced ones that requests wait for.
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

enum class Urgency : std::uint8_t {
  kNone,  // the work is not needed soon
  kSome,  // the work must not take much longer than without rests
  kHigh,  // something waits for the work
};

// What large writes are paced by: how the log is synced, and the last sequence that was written to it.
// `written_sequence` must outlive all that is paced.
struct Pacing {
  Fsync fsync;
  const std::atomic<std::uint64_t>& written_sequence;
};

// Decides how long work that keeps disk and processor busy rests. If the log was written to meanwhile, the
// work rests for as long as it took, or for a few times that. So the requests have disk and processor for
// most of the time, however fast these are. The work does not rest if nothing was written, nor where no write
// waits for the disk (fsync: never).
//
// Thread safety: not thread-safe.
class Pacer {
 public:
  explicit Pacer(const Pacing& pacing);

  // How long to rest after work that has taken `took`: at most 20 ms, and 0 for Urgency::kHigh.
  std::chrono::steady_clock::duration after(std::chrono::steady_clock::duration took, Urgency urgency);

 private:
  const Pacing pacing_;
  std::uint64_t written_seen_;
};

// A file that is written in pieces, each synced at once, with a rest after each (see Pacer). So a sync of the
// log meanwhile waits for one piece, and not for all that has gathered in memory. Each system call writes
// little, so that the page cache keeps the file in small folios, which are faster to read from.
//
// Thread safety: as File's, but write() by one thread at a time.
class PacedFile final : public File {
 public:
  // `urgency` is asked once for each piece; null: kSome.
  PacedFile(File& file, const Pacing& pacing, std::function<Urgency()> urgency = {});

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
  const std::function<Urgency()> urgency_;
  const Fsync fsync_;
  Pacer pacer_;
  // Of the piece that is being written.
  Urgency piece_urgency_ = Urgency::kSome;
  std::uint64_t piece_bytes_ = 0;
  std::uint64_t unsynced_ = 0;
};

}  // namespace minikv::engine
