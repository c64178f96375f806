// The answers of a look-up of many keys, and how they are kept up to date.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/chunked_vector.h"
#include "engine/core/change_journal.h"
#include "engine/core/state.h"
#include "engine/core/value_reader.h"
#include "engine/index/index.h"

namespace minikv::engine {

// The answers of a KeyLookup in the making. They take 20 to 28 bytes for each key, and 64 for one that is
// there.
//
// The caller first follows the journal, and then adds all keys in slices. catch_up() looks again at the keys
// that have changed meanwhile. When catch_up() has nothing left to look at, the answers are right until the
// caller lets go of the lock. Then judge() takes out the expired keys.
//
// Thread safety: none.
class FoundKeys {
 public:
  // May throw std::bad_alloc, as all that is not noexcept may.
  explicit FoundKeys(std::span<const std::string_view> keys);

  // How many keys are looked up, or looked at again, during one hold of the lock.
  static constexpr std::size_t kKeysPerHold = 256;

  void follow(const SharedState& state) MINIKV_REQUIRES_SHARED(state.lock) {
    follower_ = state.journal.follow();
  }
  // Whether the follower has no position in the journal, or has lost it.
  bool has_lost_its_position(const SharedState& state) const MINIKV_REQUIRES_SHARED(state.lock) {
    return !follower_.is_following() || !state.journal.has(follower_);
  }
  void stop_following() { follower_.stop(); }

  // Adds the next keys, up to kKeysPerHold. False: those were all.
  bool add_some(SharedState& state) MINIKV_EXCLUDES(state.lock);
  // Adds all keys that are left, during one hold.
  void add_rest(const SharedState& state) MINIKV_REQUIRES_SHARED(state.lock);
  // Forgets the answers. All keys are to be added again, from the first on.
  void begin_anew();

  // Looks again at the keys of the next changes in the journal, at most `limit` of them. True: no change is
  // left; apply_ranges() may still be needed.
  bool catch_up(const SharedState& state, std::uint64_t limit) MINIKV_REQUIRES_SHARED(state.lock);
  // Takes out the keys that are gone by the range deletes which catch_up() has met. Needs no lock.
  void apply_ranges();

  // ---- on the writer: what the group of tasks has changed so far ----
  // The first position of `key` among the keys; nothing: it is not among them.
  std::optional<std::size_t> index_of(std::string_view key) const;
  void set(std::size_t key, const Location& location, SegmentPtr segment);
  void set_absent(std::size_t key) { found_at_[key] = kNone; }
  template <typename IsGone>
  void remove_if(IsGone is_gone);

  // Takes out the keys that have expired at `now_ms`.
  void judge(std::int64_t now_ms);

  // ---- the answer ----
  std::size_t count() const;
  bool is_there(std::size_t key) const { return found_of(key) != nullptr; }
  std::optional<ValueHandle> handle(std::size_t key) const;
  std::uint64_t sequence(std::size_t key) const;
  std::size_t next_there(std::size_t key) const;

 private:
  struct Found {
    Location location;
    std::uint32_t key = 0;
    std::uint32_t segment = 0;  // in segments_
  };
  struct Looked {
    std::uint32_t key = 0;
    std::optional<Location> location;
    std::uint32_t segment = 0;
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  const Found* found_of(std::size_t key) const;
  std::uint32_t first_of(std::size_t key) const {
    return first_.empty() ? static_cast<std::uint32_t>(key) : first_[key];
  }
  bool add(std::uint32_t key);
  std::span<Looked> next(std::span<Looked, kKeysPerHold> room);
  void name_each_first();
  // Calls `visit` for the keys with this hash, each name once.
  template <typename Visitor>
  void for_each_with(std::uint64_t hash, Visitor visit) const;
  void look(const SharedState& state, std::span<Looked> wanted) MINIKV_REQUIRES_SHARED(state.lock);
  std::uint32_t number_of(const SharedState& state, SegmentId segment) MINIKV_REQUIRES_SHARED(state.lock);
  void keep(const Looked& looked);

  const std::span<const std::string_view> keys_;
  std::size_t added_ = 0;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> table_;  // by hash, linear probing: a key, or kNone
  std::size_t mask_ = 0;
  std::vector<std::uint32_t> first_;     // of the same name; empty while none was named twice
  std::vector<std::uint32_t> found_at_;  // in found_, or kNone
  ChunkedVector<Found> found_;           // an answer counts if found_at_ names it
  std::vector<SegmentPtr> segments_;
  std::unordered_map<SegmentId, std::uint32_t> segment_numbers_;  // in segments_
  std::vector<RangeDelete> ranges_;                               // to be applied
  std::vector<Looked> changed_;                                   // of one catch_up()
  std::int64_t first_expiry_ms_ = INT64_MAX;
  ChangeJournal::Follower follower_;
};

template <typename IsGone>
void FoundKeys::remove_if(IsGone is_gone) {
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const Found& found = found_[i];
    if (found_at_[found.key] == i && is_gone(keys_[found.key], found.location)) found_at_[found.key] = kNone;
  }
}

}  // namespace minikv::engine
