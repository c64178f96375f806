// The change journal: the keys that were written to during a look-up of many keys.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "engine/core/range_deletes.h"

namespace minikv::engine {

// The journal holds the hashes of the keys that have been written to, in the order of publication, and the
// range deletes. It keeps them for as long as there is a follower, and up to a bound: a follower that falls
// too far behind has lost its position, and has to begin anew. Without a follower the journal costs the
// writer one look at a number.
//
// Thread safety: note(), note_range() and clear() need the readers' lock exclusively, the others share it.
// Follower objects may be stopped or destroyed anywhere and at any time.
class ChangeJournal {
 public:
  // A position in the journal, which keeps the changes after it.
  class Follower {
   public:
    Follower() = default;
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    Follower(Follower&& other) noexcept : followers_(std::move(other.followers_)), next_(other.next_) {}
    Follower& operator=(Follower&& other) noexcept {
      stop();
      followers_ = std::move(other.followers_);
      next_ = other.next_;
      return *this;
    }
    ~Follower() { stop(); }

    bool is_following() const { return followers_ != nullptr; }
    void stop() {
      if (followers_ != nullptr) followers_->fetch_sub(1, std::memory_order_release);
      followers_.reset();
    }

   private:
    friend class ChangeJournal;
    std::shared_ptr<std::atomic<std::size_t>> followers_;
    std::uint64_t next_ = 0;
  };

  // Returns a follower of all changes that are noted from then on.
  Follower follow() const;
  // How many changes the follower has not seen.
  std::uint64_t unseen(const Follower& follower) const { return end_ - follower.next_; }
  // False: the journal has dropped some of these.
  bool has(const Follower& follower) const { return follower.next_ >= begin_; }
  // Shows the follower its next changes, at most `limit`: a key's by `of_key(hash)`, a range delete by
  // `of_range(range)`. Needs has().
  template <typename OfKey, typename OfRange>
  void read(Follower& follower, std::uint64_t limit, OfKey of_key, OfRange of_range) const;

  bool is_followed() const { return followers_->load(std::memory_order_acquire) != 0; }
  void note(std::uint64_t hash) noexcept { note(hash, nullptr); }
  void note_range(const RangeDelete& range) noexcept { note(0, &range); }
  bool is_empty() const { return chunks_.empty(); }
  // Gives the memory back. Followers that have not seen all changes have lost their position.
  void clear() noexcept;

 private:
  struct Range {
    std::uint64_t number = 0;
    RangeDelete range;
  };
  static constexpr std::size_t kChunkChanges = 8192;
  using Chunk = std::array<std::uint64_t, kChunkChanges>;
  // 16 MiB of hashes: looking at more keys again would take a follower longer than beginning anew.
  static constexpr std::size_t kMaxChunks = 256, kMaxRanges = 1024;

  void note(std::uint64_t hash, const RangeDelete* range) noexcept;
  void forget_first_chunk();

  const std::shared_ptr<std::atomic<std::size_t>> followers_ = std::make_shared<std::atomic<std::size_t>>(0);
  // Keys and range deletes are numbered in one sequence. The hash that stands for a range delete means
  // nothing.
  std::uint64_t begin_ = 0, end_ = 0;
  std::deque<std::unique_ptr<Chunk>> chunks_;  // the first begins with number `begin_`
  std::deque<Range> ranges_;
};

template <typename OfKey, typename OfRange>
void ChangeJournal::read(Follower& follower, std::uint64_t limit, OfKey of_key, OfRange of_range) const {
  assert(follower.is_following() && has(follower));
  const std::uint64_t last = follower.next_ + std::min(limit, unseen(follower));
  auto range = std::lower_bound(ranges_.begin(), ranges_.end(), follower.next_,
                                [](const Range& a, std::uint64_t number) { return a.number < number; });
  for (; follower.next_ < last; ++follower.next_) {
    if (range != ranges_.end() && range->number == follower.next_) {
      of_range((range++)->range);
    } else {
      const auto at = static_cast<std::size_t>(follower.next_ - begin_);
      of_key((*chunks_[at / kChunkChanges])[at % kChunkChanges]);
    }
  }
}

}  // namespace minikv::engine
