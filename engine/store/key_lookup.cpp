// Look-ups of many keys, and counts of ranges, in slices: between two of them the writer and other readers have their turns.

#include "minikv/key_lookup.h"

#include <limits>
#include <new>
#include <utility>

#include "engine/base/out_of_memory.h"
#include "engine/core/counted_range.h"
#include "engine/core/found_keys.h"
#include "engine/store/engine.h"

namespace minikv {

KeyLookup::KeyLookup(std::span<const std::string_view> keys) : keys_(keys) {}
KeyLookup::KeyLookup(KeyLookup&&) noexcept = default;
KeyLookup& KeyLookup::operator=(KeyLookup&&) noexcept = default;
KeyLookup::~KeyLookup() = default;

std::size_t KeyLookup::there() const { return found_->count(); }
bool KeyLookup::is_there(std::size_t key) const { return found_->is_there(key); }
std::optional<ValueHandle> KeyLookup::handle(std::size_t key) const { return found_->handle(key); }
std::uint64_t KeyLookup::sequence(std::size_t key) const { return found_->sequence(key); }
std::size_t KeyLookup::next_there(std::size_t key) const { return found_->next_there(key); }

RangeCount::RangeCount(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
RangeCount::RangeCount(RangeCount&&) noexcept = default;
RangeCount& RangeCount::operator=(RangeCount&& other) noexcept {
  std::swap(from_, other.from_);
  std::swap(to_, other.to_);
  std::swap(counted_, other.counted_);
  return *this;
}
RangeCount::~RangeCount() {
  if (counted_) counted_->let_go();
}

namespace engine {
namespace {

// A slice of a walk takes less time than one of look-ups.
constexpr std::size_t kEntriesPerHold = 512;
// Then it is done under the lock as a whole: only what writes millions of keys without a pause could be faster for so long.
constexpr int kMaxAttempts = 3;

Status given_up() {
  return {StatusCode::kCancelled, "the look-up was given up: its answer is not wanted any more"};
}

}  // namespace

// ---- keys ----

// Fills `found` with all keys. What it says when it returns was so at the moment that is returned.
Result<std::int64_t> Engine::find_keys(FoundKeys& found, const std::function<bool()>& should_stop) const {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (attempt > 0) found.begin_anew();
    {
      SharedGuard guard(state_->lock);
      found.follow(*state_);
    }
    while (found.add_some(*state_)) {
      if (should_stop && should_stop()) return given_up();
    }
    if (const auto moment = catch_up(found)) return *moment;
  }
  found.begin_anew();
  SharedGuard guard(state_->lock);
  found.follow(*state_);
  found.add_rest(*state_);
  return state_->clock.now_ms();
}

// Nothing: it has lost its place.
std::optional<std::int64_t> Engine::catch_up(FoundKeys& found) const {
  constexpr int kHoldsEach = 16;
  std::uint64_t limit = FoundKeys::kKeysPerHold;
  for (int holds = 1;; ++holds) {
    SharedGuard guard(state_->lock);
    if (found.has_lost_its_place(*state_)) return std::nullopt;
    if (found.catch_up(*state_, limit)) return state_->clock.now_ms();
    // However much is written: it ends.
    if (holds % kHoldsEach == 0 && limit < std::numeric_limits<std::uint64_t>::max() / 2) limit *= 2;
  }
}

Status Engine::look_up(KeyLookup& lookup, const std::function<bool()>& should_stop) const {
  try {
    lookup.is_done_ = false;
    lookup.found_ = std::make_unique<FoundKeys>(lookup.keys_);
    const auto moment = find_keys(*lookup.found_, should_stop);
    if (!moment) return moment.status();
    lookup.found_->stop_following();
    lookup.found_->apply_ranges();
    lookup.found_->judge(*moment);
    lookup.is_done_ = true;
    return {};
  } catch (const std::bad_alloc&) {
    lookup.found_.reset();
    return out_of_memory("looking up so many keys");
  }
}

// ---- for the writer ----

class Engine::Preparer final : public Preparation {
 public:
  explicit Preparer(const Engine& engine) : engine_(engine) {}

  // It goes on following until the writer comes to it.
  void look_up(KeyLookup& lookup) override {
    try {
      lookup.is_done_ = false;
      lookup.found_ = std::make_unique<FoundKeys>(lookup.keys_);
      if (!engine_.find_keys(*lookup.found_, [this] { return engine_.closing_.load(); }))
        lookup.found_.reset();
      else
        lookup.found_->apply_ranges();
    } catch (const std::bad_alloc&) {
      lookup.found_.reset();
    }
  }
  void count(RangeCount& range) override {
    try {
      range.counted_ = engine_.count_range(range.from_, range.to_);
    } catch (const std::bad_alloc&) {
      range.counted_.reset();
    }
  }

 private:
  const Engine& engine_;
};

void Engine::prepare(WriteTask& task) const {
  load(task.old_values());
  if (!task.wants_preparation()) return;
  Preparer preparer(*this);
  task.prepare(preparer);
}

// Null: it can't be had.
std::shared_ptr<CountedRange> Engine::count_range(const std::string& from, const std::string& to) const {
  state_->in_order.wait();
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const auto counted = std::make_shared<CountedRange>(from, to, state_->clock.now_ms());
    {
      SharedGuard guard(state_->lock);
      state_->counted_ranges.add(counted);
    }
    while (!closing_) {
      SharedGuard guard(state_->lock);
      if (!counted->is_right()) break;
      if (count_some(*counted)) return counted;
    }
    counted->let_go();
  }
  return nullptr;
}

// True: that was all.
bool Engine::count_some(CountedRange& counted) const {
  const std::string from = counted.has_begun() ? counted.reached() : counted.from();
  const Index::Range rest{
      Index::Start{from, !counted.has_begun()},
      counted.to().empty() ? std::nullopt : std::optional<std::string_view>(counted.to())};
  std::size_t seen = 0;
  std::string_view reached;
  state_->index.walk_range(rest, [&](std::string_view key, const Place& place) {
    state_->lock.assert_shared();
    if (seen == kEntriesPerHold) return false;
    ++seen;
    reached = key;
    if (!state_->ranges.cover(key, place.sequence)) counted.add(key, place);
    return true;
  });
  if (seen > 0) counted.reach(reached);
  if (seen < kEntriesPerHold) counted.finish();
  return counted.is_whole();
}

}  // namespace engine
}  // namespace minikv
