// The summary of a sealed segment's keys that is kept in memory.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "engine/format/hint.h"
#include "engine/index/key_filter.h"

namespace minikv::engine {

// Answers whether a segment can hold a key at all, so that compaction may drop a tombstone of it.
// Thread safety: as any object that never changes.
struct SegmentKeys {
  KeyFilter filter;
  std::string first, last;  // empty, if there are no keys

  bool may_hold(std::string_view key) const { return key >= first && key <= last && filter.may_hold(key); }
  // Whether any key from `from` to before `to` (empty: to the last) can be there.
  bool may_hold_any(std::string_view from, std::string_view to) const {
    return last >= from && (to.empty() || first < to);
  }
};

// Thread safety: not thread-safe.
class SegmentKeysBuilder {
 public:
  explicit SegmentKeysBuilder(std::size_t keys) : keys_(new SegmentKeys{KeyFilter(keys), {}, {}}) {}

  // The entries must come in the order of keys.
  void add(const HintEntry& entry) {
    if (!any_) keys_->first = entry.key;
    any_ = true;
    last_ = entry.key;
    if (count_ == waiting_.size()) add_waiting();
    waiting_[count_] = hash_of(entry.key);
    keys_->filter.fetch(waiting_[count_++]);
  }
  // To be called while the last entry's key is still valid.
  std::unique_ptr<const SegmentKeys> finish() {
    add_waiting();
    keys_->last = last_;
    return std::move(keys_);
  }

 private:
  void add_waiting() {
    for (std::size_t i = 0; i < count_; ++i) keys_->filter.add(waiting_[i]);
    count_ = 0;
  }

  std::unique_ptr<SegmentKeys> keys_;
  std::array<std::uint64_t, 16> waiting_{};  // hashes whose memory in the filter is being prefetched
  std::size_t count_ = 0;
  std::string_view last_;
  bool any_ = false;
};

}  // namespace minikv::engine
