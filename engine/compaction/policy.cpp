// The choice of inputs: by the dead share of a segment, the number of small ones, and the room on the disk.
#include "engine/compaction/policy.h"

#include <algorithm>

namespace minikv::engine {
namespace {

constexpr std::uint64_t kStepSegments = 4;   // a step writes about this many segments at most
constexpr std::uint64_t kSmallFraction = 4;  // smaller than a fourth of a segment: small
constexpr double kWorthOnTightDisk = 0.05;
constexpr std::size_t kSmallSegments = 8;  // this many small ones are folded
constexpr std::uint64_t kBehindSegments = 8;

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::uint64_t most_in_a_step(const CompactionPolicy& policy) {
  return policy.disk_is_tight ? policy.room : std::min(policy.room, kStepSegments * policy.segment_size);
}

// Whether a part of the segment can't be read, and that loss was accepted. The segment gets no new hint until
// compaction gives that part up.
bool is_to_be_given_up(const SegmentUse& segment) { return segment.entry.accepted_loss != 0; }

double dead_ratio(const SegmentUse& segment) { return ratio(segment.dead_bytes(), segment.used_bytes); }

std::vector<ManifestSegment> pick_for_tight_disk(std::vector<SegmentUse> sealed,
                                                 const CompactionPolicy& policy) {
  std::stable_sort(sealed.begin(), sealed.end(),
                   [](const SegmentUse& a, const SegmentUse& b) { return a.dead_bytes() > b.dead_bytes(); });
  std::vector<ManifestSegment> inputs;
  std::uint64_t live = 0;
  for (const SegmentUse& segment : sealed) {
    if (dead_ratio(segment) < kWorthOnTightDisk || live + segment.live_bytes > policy.room) continue;
    live += segment.live_bytes;
    inputs.push_back(segment.entry);
  }
  return inputs;
}

}  // namespace

double backlog(const std::vector<SegmentUse>& sealed, std::uint64_t segment_size) {
  std::uint64_t dead = 0, live = 0;
  for (const SegmentUse& segment : sealed) {
    dead += segment.dead_bytes();
    live += segment.live_bytes;
  }
  return ratio(dead, std::max(kBehindSegments * segment_size, 2 * live));
}

std::vector<ManifestSegment> pick_for_background(const std::vector<SegmentUse>& sealed,
                                                 const CompactionPolicy& policy) {
  if (policy.disk_is_tight) return pick_for_tight_disk(sealed, policy);
  const bool are_enough = sealed.size() >= policy.threshold;
  std::uint64_t used = 0, dead = 0;
  std::size_t small = 0;
  const auto is_small = [&](const SegmentUse& s) {
    return s.used_bytes < policy.segment_size / kSmallFraction;
  };
  for (const SegmentUse& segment : sealed) {
    used += segment.used_bytes;
    dead += segment.dead_bytes();
    if (is_small(segment)) ++small;
  }
  // Where the store as a whole is mostly dead, segments with a smaller dead share are worth it, too.
  const double wanted = ratio(dead, used) >= policy.dead_ratio ? policy.dead_ratio / 2 : policy.dead_ratio;
  const bool folds_small = small >= std::max<std::size_t>(kSmallSegments, policy.threshold);
  std::vector<SegmentUse> worth;
  for (const SegmentUse& segment : sealed) {
    const bool is_worth_it = dead_ratio(segment) >= wanted || (folds_small && is_small(segment));
    if ((are_enough && is_worth_it) || is_to_be_given_up(segment)) worth.push_back(segment);
  }
  std::stable_sort(worth.begin(), worth.end(), [](const SegmentUse& a, const SegmentUse& b) {
    if (is_to_be_given_up(a) != is_to_be_given_up(b)) return is_to_be_given_up(a);
    return dead_ratio(a) > dead_ratio(b);
  });
  std::vector<ManifestSegment> inputs;
  std::uint64_t live = 0;
  for (const SegmentUse& segment : worth) {
    if (segment.live_bytes > policy.room) continue;
    live += segment.live_bytes;
    if (!inputs.empty() && live > most_in_a_step(policy)) break;
    inputs.push_back(segment.entry);
  }
  return inputs;
}

std::vector<std::vector<ManifestSegment>> plan_full(std::vector<SegmentUse> sealed,
                                                    const CompactionPolicy& policy) {
  std::stable_sort(sealed.begin(), sealed.end(), [](const SegmentUse& a, const SegmentUse& b) {
    return a.entry.min_seq < b.entry.min_seq;
  });
  std::vector<std::vector<ManifestSegment>> steps;
  std::vector<ManifestSegment> step;
  std::uint64_t live = 0;
  std::size_t small = 0;
  bool is_worth_it = false;
  const auto close_step = [&] {
    if (is_worth_it || small > 1) steps.push_back(step);
    step.clear();
    live = small = 0;
    is_worth_it = false;
  };
  for (const SegmentUse& segment : sealed) {
    if (segment.live_bytes > policy.room) continue;
    if (policy.disk_is_tight && dead_ratio(segment) < kWorthOnTightDisk && !is_to_be_given_up(segment))
      continue;
    if (!step.empty() && live + segment.live_bytes > most_in_a_step(policy)) close_step();
    step.push_back(segment.entry);
    live += segment.live_bytes;
    small += segment.used_bytes < policy.segment_size / 2 ? 1 : 0;
    is_worth_it |=
        segment.entry.kind == SegmentKind::kLog || dead_ratio(segment) > 0.01 || is_to_be_given_up(segment);
  }
  close_step();
  return steps;
}

}  // namespace minikv::engine
