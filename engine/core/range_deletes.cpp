// Ranges that may overlap, cut into steps that do not.
#include "engine/core/range_deletes.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace minikv::engine {

void RangeDeletes::add(RangeDelete range) {
  std::vector<RangeDelete> ranges = ranges_;
  ranges.push_back(std::move(range));
  take(std::move(ranges));
}

void RangeDeletes::add(const std::vector<RangeDelete>& more) {
  std::vector<RangeDelete> ranges = ranges_;
  ranges.insert(ranges.end(), more.begin(), more.end());
  take(std::move(ranges));
}

void RangeDeletes::remove(std::uint64_t sequence) {
  std::vector<RangeDelete> ranges = ranges_;
  std::erase_if(ranges, [sequence](const RangeDelete& range) { return range.sequence == sequence; });
  take(std::move(ranges));
}

// Replaces the ranges, once nothing can fail any more.
void RangeDeletes::take(std::vector<RangeDelete> ranges) {
  std::vector<Step> steps = arranged(ranges);
  ranges_.swap(ranges);
  steps_.swap(steps);
}

void RangeDeletes::clear() {
  ranges_.clear();
  steps_.clear();
}

std::uint64_t RangeDeletes::newest_over(std::string_view key) const {
  const auto behind = std::upper_bound(steps_.begin(), steps_.end(), key,
                                       [](std::string_view a, const Step& step) { return a < step.from; });
  return behind == steps_.begin() ? 0 : std::prev(behind)->newest;
}

// Cuts the ranges, which may overlap, into steps that do not. A step begins at each key where a range begins
// or ends, and has the newest of the ranges that are open there.
std::vector<RangeDeletes::Step> RangeDeletes::arranged(const std::vector<RangeDelete>& ranges) {
  struct Edge {
    std::string_view at;
    std::uint64_t sequence;
    bool begins;
  };
  std::vector<Edge> edges;
  for (const RangeDelete& range : ranges) {
    if (!range.to.empty() && range.to <= range.from) continue;  // empty
    edges.push_back({range.from, range.sequence, true});
    if (!range.to.empty()) edges.push_back({range.to, range.sequence, false});
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  std::vector<Step> steps;
  std::multiset<std::uint64_t> open;
  for (std::size_t i = 0; i < edges.size();) {
    const std::string_view at = edges[i].at;
    for (; i < edges.size() && edges[i].at == at; ++i) {
      if (edges[i].begins) {
        open.insert(edges[i].sequence);
      } else {
        open.erase(open.find(edges[i].sequence));
      }
    }
    steps.push_back({std::string(at), open.empty() ? 0 : *open.rbegin()});
  }
  return steps;
}

}  // namespace minikv::engine
