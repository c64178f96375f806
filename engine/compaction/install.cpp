// Commits a merge, then repoints its keys in slices between which writes get their turn.
#include "engine/compaction/install.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <thread>
#include <unordered_map>
#include <utility>

namespace minikv::engine {
namespace {

constexpr std::size_t kRelocationsPerHold = 256;
constexpr std::size_t kRelocationsPerCall = 512;  // of the writer; then writes get their turn
constexpr auto kRetryInstall = std::chrono::milliseconds(100);

// Notes the bytes of the outputs that are no copies of live records. Records that have died since they were
// copied do not count, since another compaction gives them back.
void note_dead_at_birth(const std::vector<std::shared_ptr<Segment>>& outputs,
                        std::span<const Relocation> relocations) {
  std::unordered_map<SegmentId, std::uint64_t> copied;
  for (const Relocation& relocation : relocations) {
    if (relocation.erase) continue;
    copied[relocation.to.segment] += record_bytes(relocation.key.size(), relocation.to.value_bytes);
  }
  for (const auto& output : outputs) {
    output->dead_at_birth_bytes.store(output->used() - copied[output->id()], std::memory_order_relaxed);
  }
}

}  // namespace

Status Installer::install(CompactionOutput& output, const std::vector<SegmentId>& inputs,
                          std::span<const Relocation> relocations) {
  // The records that made others dead must be durable before the segments of the dead ones may go.
  MINIKV_TRY(keeper_.syncer().make_durable(state_.visible_sequence.load(std::memory_order_acquire)));
  // The outputs stay from here on, even if the commit fails, since it may have reached the disk all the same.
  // The next start removes outputs that the manifest does not name.
  const auto segments = output.keep();
  // Until the keys are repointed, another compaction would take their records for dead.
  for (const auto& segment : segments) segment->is_being_installed.store(true, std::memory_order_release);
  note_dead_at_birth(segments, relocations);
  std::vector<std::shared_ptr<Segment>> dropped;
  dropped.reserve(inputs.size());
  if (Status committed = keeper_.commit_compaction(output.entries(), inputs); !committed) {
    // The disk has no room for the new manifest, and the store goes on as before.
    if (committed.code() == StatusCode::kDiskFull && !state_.health.is_read_only()) output.remove_kept();
    return committed;
  }
  // From here on the merge is committed.
  MINIKV_TRY(on_writer([&] {
    ExclusiveGuard guard(state_.lock);
    for (const auto& segment : segments) state_.segments.emplace(segment->id(), segment);
  }));
  while (!relocations.empty()) {
    const auto some = relocations.first(std::min(relocations.size(), kRelocationsPerCall));
    MINIKV_TRY(on_writer([&] { apply(some); }));
    relocations = relocations.subspan(some.size());
  }
  MINIKV_TRY(on_writer([&] {
    ExclusiveGuard guard(state_.lock);
    for (const SegmentId input : inputs) {
      const auto found = state_.segments.find(input);
      dropped.push_back(std::move(found->second));
      state_.segments.erase(found);
    }
  }));
  for (const auto& segment : segments) segment->is_being_installed.store(false, std::memory_order_release);
  return {};  // the inputs go to the graveyard here, or when their last reader is done
}

// Repeats `work` until there is memory for it: doing it twice does no harm.
Status Installer::on_writer(const std::function<void()>& work) {
  for (;;) {
    const Status done = writer_.run_on_writer(work);
    if (done.code() != StatusCode::kOutOfMemory || cancelled_.load(std::memory_order_relaxed)) return done;
    std::this_thread::sleep_for(kRetryInstall);
  }
}

void Installer::apply(std::span<const Relocation> relocations) {
  while (!relocations.empty()) {
    const auto held = relocations.first(std::min(relocations.size(), kRelocationsPerHold));
    ExclusiveGuard guard(state_.lock);
    for (const Relocation& relocation : held) apply(relocation);
    relocations = relocations.subspan(held.size());
  }
}

// Repoints the key only if the index still names the old location: a newer write wins.
void Installer::apply(const Relocation& relocation) {
  const auto location = state_.index.find(relocation.key);
  if (!location || !location->is_at(relocation.from_segment, relocation.from_offset)) return;
  if (relocation.erase) {
    if (location->sequence != relocation.to.sequence) return;
    state_.index.erase(relocation.key);
    state_.forget(relocation.key, *location);
    return;
  }
  Location now = *location;
  now.segment = relocation.to.segment;
  now.offset = relocation.to.offset;
  now.value_bytes = relocation.to.value_bytes;
  now.lost = relocation.to.lost;
  if (now.lost && !location->lost) {
    now.version = now.sequence;
    state_.counters.lost_keys.fetch_add(1, std::memory_order_relaxed);
  }
  state_.index.put(relocation.key, now);
  const auto segment = state_.segments.find(now.segment);
  assert(segment != state_.segments.end());
  segment->second->live_bytes.fetch_add(record_bytes(relocation.key.size(), now.value_bytes),
                                        std::memory_order_relaxed);
}

}  // namespace minikv::engine
