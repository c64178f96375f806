// Sorts many keys by integer pieces of them.
#include "engine/index/key_sort.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string_view>
#include <vector>

#include "engine/base/helper_threads.h"
#include "engine/base/key_piece.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kPrefetchAhead = 12;      // entries
constexpr std::size_t kSmall = 16;              // up to so many items are sorted by comparing keys
constexpr std::size_t kWorthAThread = 1 << 16;  // the minimum number of items

// The number of bytes that all keys have in common, which are known to be at least `skip`.
std::size_t common_prefix(std::span<const SortItem> items, std::size_t skip) {
  const std::string_view first = items.front().entry->key();
  std::size_t common = first.size();
  for (std::size_t i = 1; i < items.size() && common > skip; ++i) {
    if (i + kPrefetchAhead < items.size()) __builtin_prefetch(items[i + kPrefetchAhead].entry);
    const std::string_view key = items[i].entry->key();
    common = std::min(common, key.size());
    if (std::memcmp(first.data() + skip, key.data() + skip, common - skip) == 0) continue;
    common = static_cast<std::size_t>(std::mismatch(first.begin() + static_cast<std::ptrdiff_t>(skip),
                                                    first.begin() + static_cast<std::ptrdiff_t>(common),
                                                    key.begin() + static_cast<std::ptrdiff_t>(skip))
                                          .first -
                                      first.begin());
  }
  return common;
}

void fill_pieces(std::span<SortItem> items, std::size_t skip) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i + kPrefetchAhead < items.size()) __builtin_prefetch(items[i + kPrefetchAhead].entry);
    items[i].piece = piece_of(items[i].entry->key(), skip);
  }
}

bool smaller_piece(const SortItem& a, const SortItem& b) { return a.piece < b.piece; }

void sort_behind(std::span<SortItem> items, std::size_t skip);

// Sorts items whose pieces, from `skip` on, are filled in.
void sort_by_pieces(std::span<SortItem> items, std::size_t skip) {
  std::sort(items.begin(), items.end(), smaller_piece);
  for (std::size_t first = 0; first < items.size();) {
    std::size_t last = first + 1;
    while (last < items.size() && items[last].piece == items[first].piece) ++last;
    if (last - first > 1) sort_behind(items.subspan(first, last - first), skip + kPieceBytes);
    first = last;
  }
}

// Sorts items of keys whose first `skip` bytes are equal.
void sort_behind(std::span<SortItem> items, std::size_t skip) {
  if (items.size() <= kSmall) {
    std::sort(items.begin(), items.end(), [skip](const SortItem& a, const SortItem& b) {
      return a.entry->key().substr(skip) < b.entry->key().substr(skip);
    });
    return;
  }
  skip = common_prefix(items, skip);
  fill_pieces(items, skip);
  sort_by_pieces(items, skip);
}

void fill_in_parallel(std::span<SortItem> items, std::size_t skip, unsigned threads) {
  if (threads < 2 || items.size() < kWorthAThread) return fill_pieces(items, skip);
  const auto half = items.size() / 2;
  std::atomic<bool> is_begun{false};
  {
    HelperThreads other;
    other.add([&] {
      is_begun = true;
      fill_in_parallel(items.first(half), skip, threads / 2);
    });
    fill_in_parallel(items.subspan(half), skip, threads - threads / 2);
  }
  if (!is_begun) fill_pieces(items.first(half), skip);
}

// Enough parts that the first is soon sorted, and that the threads end at about the same time.
constexpr std::size_t kParts = 16;

// Cuts the items into parts, all of one smaller than all of the next.
void cut(std::span<SortItem> items, std::size_t count, std::vector<std::span<SortItem>>& parts) {
  if (count == 1 || items.empty()) return parts.push_back(items);
  std::array<std::uint64_t, 255> samples{};
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = items[items.size() / samples.size() * i].piece;
  std::sort(samples.begin(), samples.end());
  // Equal pieces stay on one side.
  const std::uint64_t middle = samples[samples.size() / 2];
  const auto split = std::partition(items.begin(), items.end(),
                                    [middle](const SortItem& item) { return item.piece < middle; });
  const auto below = static_cast<std::size_t>(split - items.begin());
  cut(items.first(below), count / 2, parts);
  cut(items.subspan(below), count / 2, parts);
}

// Sorts the parts from the first to the last, with any number of threads at once.
class PartSorter {
 public:
  PartSorter(std::span<const std::span<SortItem>> parts, std::size_t skip) : parts_(parts), skip_(skip) {}

  // False: all have been taken.
  bool sort_one() {
    const std::size_t mine = next_.fetch_add(1, std::memory_order_relaxed);
    if (mine >= parts_.size()) return false;
    sort_by_pieces(parts_[mine], skip_);
    done_[mine].store(true, std::memory_order_release);
    done_[mine].notify_one();
    return true;
  }
  // Makes sort_one() take no more parts.
  void give_up() { next_.store(parts_.size(), std::memory_order_relaxed); }
  void finish(std::size_t part) {
    while (!done_[part].load(std::memory_order_acquire)) {
      if (!sort_one()) done_[part].wait(false, std::memory_order_acquire);
    }
  }

 private:
  const std::span<const std::span<SortItem>> parts_;
  const std::size_t skip_;
  std::atomic<std::size_t> next_{0};
  std::array<std::atomic<bool>, kParts> done_{};
};

// Sorts items whose pieces are filled in, and shows them to `visit`.
void sort_by_pieces(std::span<SortItem> items, std::size_t skip, unsigned threads, const Sorted& visit) {
  if (items.size() < kWorthAThread) {
    sort_by_pieces(items, skip);
    (void)visit(items);
    return;
  }
  std::vector<std::span<SortItem>> parts;
  cut(items, kParts, parts);
  PartSorter sorter(parts, skip);
  HelperThreads others;
  for (unsigned i = 1; i < threads; ++i) {
    others.add([&sorter] {
      while (sorter.sort_one()) {
      }
    });
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    sorter.finish(i);
    if (visit(parts[i])) continue;
    sorter.give_up();
    break;
  }
}

}  // namespace

void sort_by_key(std::span<SortItem> items, unsigned threads, const Sorted& visit) {
  if (items.empty()) return;
  const std::size_t skip = common_prefix(items, 0);
  fill_in_parallel(items, skip, threads);
  sort_by_pieces(items, skip, threads, visit);
}

}  // namespace minikv::engine
