// A deque of chunks of hashes, of which the oldest go when there are too many.
#include "engine/core/change_journal.h"

#include <new>

namespace minikv::engine {

ChangeJournal::Follower ChangeJournal::follow() const {
  Follower follower;
  follower.next_ = end_;
  follower.followers_ = followers_;
  followers_->fetch_add(1, std::memory_order_relaxed);
  return follower;
}

void ChangeJournal::note(std::uint64_t hash, const RangeDelete* range) noexcept {
  try {
    const auto at = static_cast<std::size_t>(end_ - begin_);
    if (at == chunks_.size() * kChunkChanges) chunks_.push_back(std::make_unique_for_overwrite<Chunk>());
    if (range != nullptr) ranges_.push_back({end_, *range});
    (*chunks_.back())[at % kChunkChanges] = hash;
    ++end_;
    while (chunks_.size() > kMaxChunks || ranges_.size() > kMaxRanges) forget_first_chunk();
  } catch (const std::bad_alloc&) {
    // All followers begin anew.
    ++end_;
    clear();
  }
}

void ChangeJournal::forget_first_chunk() {
  if (chunks_.size() == 1) return clear();
  chunks_.pop_front();
  begin_ += kChunkChanges;
  while (!ranges_.empty() && ranges_.front().number < begin_) ranges_.pop_front();
}

void ChangeJournal::clear() noexcept {
  chunks_.clear();
  ranges_.clear();
  begin_ = end_;
}

}  // namespace minikv::engine
