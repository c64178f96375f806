// The end of a merge: it is committed, and the writer repoints the keys to the copies.

#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_map>

#include "engine/store/compactor.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kMovesPerHold = 256;
constexpr std::size_t kMovesPerErrand = 512;  // then writes get their turn
constexpr auto kRetryInstall = std::chrono::milliseconds(100);

}  // namespace

Status Compaction::install(const std::vector<ManifestSegment>& inputs) {
  // What made records dead must be durable before their segments may go.
  MINIKV_TRY(keeper_.make_durable(state_.visible_sequence.load(std::memory_order_acquire)));
  // Kept from here on, even if the commit fails: it may have reached the disk all the same. What the manifest does not
  // name after all is removed at the next start.
  const auto outputs = output_.keep();
  // Another compactor would take records that no move has reached yet for dead.
  for (const auto& output : outputs) output->is_being_installed.store(true, std::memory_order_release);
  note_dead_at_birth(outputs);
  std::vector<std::shared_ptr<Segment>> dropped;
  dropped.reserve(inputs.size());
  if (Status committed = keeper_.commit_compaction(output_.entries(), input_ids_); !committed) {
    // There was no room to say so, and the store goes on as it was.
    if (committed.code() == StatusCode::kDiskFull && !state_.health.is_read_only()) output_.remove_kept();
    return committed;
  }
  // From here on it has happened.
  MINIKV_TRY(on_writer([&] {
    ExclusiveGuard guard(state_.lock);
    for (const auto& output : outputs)
      state_.segments.emplace(static_cast<std::uint32_t>(output->id()), output);
  }));
  for (std::size_t first = 0; first < moves_.size(); first += kMovesPerErrand) {
    const std::size_t last = std::min(first + kMovesPerErrand, moves_.size());
    MINIKV_TRY(on_writer([&] { apply_moves(first, last); }));
  }
  MINIKV_TRY(on_writer([&] {
    ExclusiveGuard guard(state_.lock);
    for (const ManifestSegment& input : inputs) {
      const auto found = state_.segments.find(static_cast<std::uint32_t>(input.id));
      dropped.push_back(std::move(found->second));
      state_.segments.erase(found);
    }
  }));
  for (const auto& output : outputs) output->is_being_installed.store(false, std::memory_order_release);
  return {};  // the inputs go to the graveyard here, or when their last reader is done
}

// What can't be done for lack of memory is tried until there is some: it does no harm to do it again.
Status Compaction::on_writer(const std::function<void()>& work) {
  for (;;) {
    const Status done = writer_.run_on_writer(work);
    if (done.code() != StatusCode::kOutOfMemory || cancelled_.load(std::memory_order_relaxed)) return done;
    std::this_thread::sleep_for(kRetryInstall);
  }
}

// What was written for other reasons than to be alive. Not what has died since it was copied: another compaction gives
// that back.
void Compaction::note_dead_at_birth(const std::vector<std::shared_ptr<Segment>>& outputs) {
  std::unordered_map<std::uint32_t, std::uint64_t> copied;
  for (const Move& move : moves_) {
    if (!move.erase) copied[move.to.segment] += record_bytes(move.key.size(), move.to.value_bytes);
  }
  for (const auto& output : outputs) {
    const std::uint64_t used = output->used_bytes.load(std::memory_order_relaxed);
    output->dead_at_birth_bytes.store(used - copied[static_cast<std::uint32_t>(output->id())],
                                      std::memory_order_relaxed);
  }
}

void Compaction::apply_moves(std::size_t first, std::size_t last) {
  while (first < last) {
    ExclusiveGuard guard(state_.lock);
    for (std::size_t held = 0; held < kMovesPerHold && first < last; ++held, ++first) apply(moves_[first]);
  }
}

// Only if the index still names the old place: who wrote meanwhile wins.
void Compaction::apply(const Move& move) {
  const auto place = state_.index.find(move.key);
  if (!place || !place->is_at(move.from_segment, move.from_offset)) return;
  if (move.erase) {
    if (place->sequence != move.to.sequence) return;
    state_.index.erase(move.key);
    state_.forget(move.key, *place);
    return;
  }
  Place now = *place;
  now.segment = move.to.segment;
  now.offset = move.to.offset;
  now.value_bytes = move.to.value_bytes;
  now.lost = move.to.lost;
  if (now.lost && !place->lost) {
    now.version = now.sequence;
    state_.counters.lost_keys.fetch_add(1, std::memory_order_relaxed);
  }
  state_.index.put(move.key, now);
  state_.segments.find(now.segment)
      ->second->live_bytes.fetch_add(record_bytes(move.key.size(), now.value_bytes),
                                     std::memory_order_relaxed);
}

}  // namespace minikv::engine
