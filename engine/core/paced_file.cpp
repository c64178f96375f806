// How large a piece is, and how long the rest behind it.
#include "engine/core/paced_file.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace minikv::engine {
namespace {

using std::chrono::steady_clock;

// docs/PERFORMANCE.md has the costs of other sizes.
constexpr std::uint64_t kPieceBesideSyncs = kMiB / 4, kPiece = 4 * kMiB;
constexpr int kLongRest = 4;  // times what the work took
constexpr auto kMaxRest = std::chrono::milliseconds(20);
// The page cache keeps the bytes of one write in folios as large as the write. Where a virtual machine's page
// tables are shadowed, reading single records from a mapping of large folios takes up to ten times as long
// (docs/PERFORMANCE.md).
constexpr std::uint64_t kWrite = kMiB / 32;

}  // namespace

Pacer::Pacer(const Pacing& pacing)
    : pacing_(pacing), written_seen_(pacing.written_sequence.load(std::memory_order_relaxed)) {}

steady_clock::duration Pacer::after(steady_clock::duration took, Urgency urgency) {
  const std::uint64_t written = pacing_.written_sequence.load(std::memory_order_relaxed);
  if (pacing_.fsync == Fsync::kNever || written == written_seen_) return {};
  written_seen_ = written;
  switch (urgency) {
    case Urgency::kNone: took *= kLongRest; break;
    case Urgency::kSome: break;
    case Urgency::kHigh: return {};
  }
  return std::min<steady_clock::duration>(took, kMaxRest);
}

PacedFile::PacedFile(File& file, const Pacing& pacing, std::function<Urgency()> urgency)
    : file_(file), urgency_(std::move(urgency)), fsync_(pacing.fsync), pacer_(pacing) {
  begin_piece();
}

// Large pieces are faster, and are used where they hold up no write. In `interval` no write waits for a sync,
// but all wait for the processor.
void PacedFile::begin_piece() {
  if (urgency_) piece_urgency_ = urgency_();
  const bool is_large =
      fsync_ == Fsync::kNever || (fsync_ == Fsync::kInterval && piece_urgency_ == Urgency::kHigh);
  piece_bytes_ = is_large ? kPiece : kPieceBesideSyncs;
  unsynced_ = 0;
}

Status PacedFile::write(std::uint64_t offset, std::span<const std::string_view> pieces) {
  std::vector<std::string_view> gathered;
  std::uint64_t bytes = 0;
  Time begun = steady_clock::now();
  const auto flush = [&]() -> Status {
    MINIKV_TRY(file_.write(offset, gathered));
    offset += bytes;
    unsynced_ += bytes;
    gathered.clear();
    bytes = 0;
    return {};
  };
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const std::uint64_t room = std::min(piece_bytes_ - unsynced_, kWrite) - bytes;
      gathered.push_back(
          piece.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, piece.size()))));
      bytes += gathered.back().size();
      piece.remove_prefix(gathered.back().size());
      if (bytes < kWrite && unsynced_ + bytes < piece_bytes_) continue;
      MINIKV_TRY(flush());
      if (unsynced_ < piece_bytes_) continue;
      MINIKV_TRY(end_piece(begun));
      begun = steady_clock::now();
    }
  }
  return bytes == 0 ? Status() : flush();
}

Status PacedFile::end_piece(Time begun) {
  MINIKV_TRY(file_.sync());
  begin_piece();
  std::this_thread::sleep_for(pacer_.after(steady_clock::now() - begun, piece_urgency_));
  return {};
}

}  // namespace minikv::engine
