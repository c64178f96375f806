// Look-ups of a key, of some keys, and of very many keys; and counts of ranges.
#include "engine/core/key_finder.h"

#include <limits>
#include <new>

#include "engine/base/out_of_memory.h"
#include "engine/core/value_reader.h"
#include "minikv/store.h"

namespace minikv::engine {
namespace {

// A slice of a walk takes less time than one of look-ups.
constexpr std::size_t kEntriesPerHold = 512;
// After so many attempts a look-up is done as a whole under the lock, and a count is left to the writer. Only
// writes of millions of keys without a pause can outrun a look-up so often.
constexpr int kMaxAttempts = 3;

Status given_up() {
  return {StatusCode::kCancelled, "the look-up was given up: its answer is not wanted any more"};
}

}  // namespace

// ---- some keys ----

std::optional<ValueHandle> KeyFinder::locate(std::string_view key) const {
  ValueHandle handle;
  {
    SharedGuard guard(state_.lock);
    const auto location = state_.index.find(key);
    if (!location || state_.ranges.cover(key, location->sequence)) return std::nullopt;
    handle = HandleAccess::make(state_.segment_of(*location), *location);
  }
  if (handle.expiry_ms() != kNoExpiry && handle.expiry_ms() <= state_.clock.now_ms()) return std::nullopt;
  return handle;
}

void KeyFinder::prefetch(std::span<const std::string_view> keys) const {
  SharedGuard guard(state_.lock);
  state_.index.prefetch(keys, [this](const Location& location) {
    state_.lock.assert_shared();
    const auto found = state_.segments.find(location.segment);
    if (found == state_.segments.end()) return;
    found->second->mapping().prefetch(location.offset, sizeof(RecordHeader) + location.value_bytes);
  });
}

std::vector<std::optional<ValueHandle>> KeyFinder::multi_locate(
    std::span<const std::string_view> keys) const {
  std::vector<std::optional<ValueHandle>> handles(keys.size());
  if (keys.size() > Store::kMaxKeysAtOnce) {
    KeyLookup lookup(keys);
    look_up_or_throw(lookup);
    for (std::size_t i = 0; i < keys.size(); ++i) handles[i] = lookup.handle(i);
    return handles;
  }
  const std::int64_t now = state_.clock.now_ms();
  for (std::size_t first = 0; keys.size() > 1 && first < keys.size(); first += Index::kMaxPrefetched) {
    prefetch(keys.subspan(first));
  }
  {
    SharedGuard guard(state_.lock);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto location = state_.look_up(keys[i], now);
      if (!location) continue;
      handles[i] = HandleAccess::make(state_.segment_of(*location), *location);
    }
  }
  return handles;
}

std::size_t KeyFinder::count_existing(std::span<const std::string_view> keys) const {
  if (keys.size() > Store::kMaxKeysAtOnce) {
    KeyLookup lookup(keys);
    look_up_or_throw(lookup);
    return lookup.there();
  }
  const std::int64_t now = state_.clock.now_ms();
  std::size_t count = 0;
  SharedGuard guard(state_.lock);
  for (const std::string_view key : keys) {
    if (state_.look_up(key, now)) ++count;
  }
  return count;
}

std::uint64_t KeyFinder::size() const {
  const std::int64_t now = state_.clock.now_ms();
  SharedGuard guard(state_.lock);
  return state_.key_count(now);
}

// For callers that return a container, and can't return a Status.
void KeyFinder::look_up_or_throw(KeyLookup& lookup) const {
  if (!look_up(lookup, {})) throw std::bad_alloc();
}

// ---- very many keys ----

// Fills `found` with all keys. Its answers were right at the moment that is returned, in engine time.
Result<std::int64_t> KeyFinder::find_keys(FoundKeys& found, const std::function<bool()>& should_stop) const {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (attempt > 0) found.begin_anew();
    {
      SharedGuard guard(state_.lock);
      found.follow(state_);
    }
    while (found.add_some(state_)) {
      if (should_stop && should_stop()) return given_up();
    }
    if (const auto moment = catch_up(found)) return *moment;
  }
  found.begin_anew();
  SharedGuard guard(state_.lock);
  found.follow(state_);
  found.add_rest(state_);
  return state_.clock.now_ms();
}

// Looks again at all changes in the journal. Returns the moment of the answers; nothing: `found` has lost its
// position.
std::optional<std::int64_t> KeyFinder::catch_up(FoundKeys& found) const {
  constexpr int kHoldsEach = 16;
  std::uint64_t limit = FoundKeys::kKeysPerHold;
  for (int holds = 1;; ++holds) {
    SharedGuard guard(state_.lock);
    if (found.has_lost_its_position(state_)) return std::nullopt;
    if (found.catch_up(state_, limit)) return state_.clock.now_ms();
    // A growing limit makes the loop end, however much is written.
    if (holds % kHoldsEach == 0 && limit < std::numeric_limits<std::uint64_t>::max() / 2) limit *= 2;
  }
}

Status KeyFinder::look_up(KeyLookup& lookup, const std::function<bool()>& should_stop) const {
  try {
    lookup.is_done_ = false;
    lookup.found_ = std::make_unique<FoundKeys>(lookup.keys_);
    MINIKV_ASSIGN_OR_RETURN(const std::int64_t moment, find_keys(*lookup.found_, should_stop));
    lookup.found_->stop_following();
    lookup.found_->apply_ranges();
    lookup.found_->judge(moment);
    lookup.is_done_ = true;
    return {};
  } catch (const std::bad_alloc&) {
    lookup.found_.reset();
    return out_of_memory("looking up so many keys");
  }
}

// ---- for the writer ----

class KeyFinder::Preparer final : public Preparation {
 public:
  explicit Preparer(const KeyFinder& finder) : finder_(finder) {}

  // The look-up goes on following the journal until the writer comes to it.
  void look_up(KeyLookup& lookup) override {
    try {
      lookup.is_done_ = false;
      lookup.found_ = std::make_unique<FoundKeys>(lookup.keys_);
      if (!finder_.find_keys(*lookup.found_, [this] { return finder_.closing_.load(); }))
        lookup.found_.reset();
      else
        lookup.found_->apply_ranges();
    } catch (const std::bad_alloc&) {
      lookup.found_.reset();
    }
  }
  void count(RangeCount& range) override {
    try {
      range.counted_ = finder_.count_range(range.from_, range.to_);
    } catch (const std::bad_alloc&) {
      range.counted_.reset();
    }
  }

 private:
  const KeyFinder& finder_;
};

void KeyFinder::prepare(WriteTask& task) const {
  if (!task.wants_preparation()) return;
  Preparer preparer(*this);
  task.prepare(preparer);
}

// Null: there is no count that is right.
std::shared_ptr<CountedRange> KeyFinder::count_range(const std::string& from, const std::string& to) const {
  state_.in_order.wait();
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const auto counted = std::make_shared<CountedRange>(from, to, state_.clock.now_ms());
    {
      SharedGuard guard(state_.lock);
      state_.counted_ranges.add(counted);
    }
    while (!closing_) {
      SharedGuard guard(state_.lock);
      if (!counted->is_right()) break;
      if (count_some(*counted)) return counted;
    }
    counted->let_go();
  }
  return nullptr;
}

// Counts the next slice of the range. True: the whole range is counted.
bool KeyFinder::count_some(CountedRange& counted) const {
  const std::string from = counted.has_begun() ? counted.reached() : counted.from();
  const Index::Range rest{
      Index::Start{from, !counted.has_begun()},
      counted.to().empty() ? std::nullopt : std::optional<std::string_view>(counted.to())};
  std::size_t seen = 0;
  std::string_view reached;
  state_.index.walk_range(rest, [&](std::string_view key, const Location& location) {
    state_.lock.assert_shared();
    if (seen == kEntriesPerHold) return false;
    ++seen;
    reached = key;
    if (!state_.ranges.cover(key, location.sequence)) counted.add(key, location);
    return true;
  });
  if (seen > 0) counted.reach(reached);
  if (seen < kEntriesPerHold) counted.finish();
  return counted.is_whole();
}

}  // namespace minikv::engine
