#include "engine/store/gentle_file.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace minikv::engine {
namespace {

using std::chrono::steady_clock;

// docs/PERFORMANCE.md has what other sizes cost whom. Where nobody waits for syncs there is only the one of every second
// to think of.
constexpr std::uint64_t kPieceBesideSyncs = kMiB / 4, kPiece = 4 * kMiB;
constexpr auto kLongestRest = std::chrono::milliseconds(20);
// The page cache keeps what one write brings in folios as large as the write. Where a virtual machine's page tables are
// shadowed, reading single records out of a mapping of large ones takes up to ten times as long: docs/PERFORMANCE.md.
constexpr std::uint64_t kWrite = kMiB / 32;

}  // namespace

GentleFile::GentleFile(File& file, const SharedState& state, std::function<bool()> is_urgent)
    : file_(file),
      state_(state),
      is_urgent_(std::move(is_urgent)),
      piece_bytes_(state.options.fsync == Fsync::kAlways ? kPieceBesideSyncs : kPiece),
      syncs_seen_(state.counters.syncs.load(std::memory_order_relaxed)) {}

Status GentleFile::write(std::uint64_t offset, std::span<const std::string_view> pieces) {
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

Status GentleFile::end_piece(Time begun) {
  MINIKV_TRY(file_.sync());
  unsynced_ = 0;
  rest(steady_clock::now() - begun);
  return {};
}

void GentleFile::rest(steady_clock::duration took) {
  const std::uint64_t syncs = state_.counters.syncs.load(std::memory_order_relaxed);
  if (state_.options.fsync != Fsync::kAlways || syncs == syncs_seen_) return;
  syncs_seen_ = syncs;
  if (is_urgent_ && is_urgent_()) return;
  std::this_thread::sleep_for(std::min<steady_clock::duration>(took, kLongestRest));
}

}  // namespace minikv::engine
