// What WATCH notes, and how writes reach it.
#include "server/request/watched_keys.h"

#include <algorithm>
#include <new>

#include "minikv/store.h"

namespace minikv::server {

// ---- Watch ----

// Removes key by key: the writer, which touches keys, does not wait for a watch of many.
Watch::~Watch() {
  for (const auto& [key, sequence] : seen_) {
    if (sequence == 0) keys_.remove(key, touched_);
  }
}

void Watch::watch(Transaction& transaction, std::string_view key) {
  if (seen_.contains(key)) return;  // the first look at a key counts
  try {
    const auto entry = transaction.find(key);
    seen_.emplace(key, entry ? entry->sequence : 0);
    if (!entry) keys_.add(key, touched_);
  } catch (const std::bad_alloc&) {
    fail();
    throw;
  }
}

void Watch::add(std::unique_ptr<WatchedMany> many) {
  const engine::MutexLock lock(mutex_);
  many_.push_back(std::move(many));
}

std::vector<const WatchedMany*> Watch::many() const {
  const engine::MutexLock lock(mutex_);
  std::vector<const WatchedMany*> many;
  many.reserve(many_.size());
  for (const auto& one : many_) many.push_back(one.get());
  return many;
}

// ---- WatchedMany ----

WatchedMany::WatchedMany(WatchedKeys& watched, ArgumentArena memory, std::vector<std::string_view> keys)
    : watched_(watched), memory_(std::move(memory)), keys_(std::move(keys)) {}

WatchedMany::~WatchedMany() {
  for (const std::uint32_t key : absent_) watched_.remove(keys_[key], touched_);
}

void WatchedMany::note(const KeyLookup& lookup) {
  // No key has this sequence, so the loop lists every key that is not there.
  constexpr std::uint64_t kUnknown = UINT64_MAX;
  sequences_.resize(keys_.size(), kUnknown);
  for (std::size_t key = 0; key < keys_.size(); ++key) {
    const std::uint64_t sequence = lookup.sequence(key);
    if (sequences_[key] == sequence) continue;
    if (sequence == 0) {
      absent_.push_back(static_cast<std::uint32_t>(key));
      watched_.add(keys_[key], touched_);
    }
    sequences_[key] = sequence;  // set last: what has failed is done again
  }
}

// Keys are put by the writer only, so the look-up knows of all puts so far.
void WatchedMany::begin(const KeyLookup& lookup) {
  note(lookup);
  touched_.store(false, std::memory_order_relaxed);
}

bool WatchedMany::has_changed(const KeyLookup& lookup) const {
  if (touched_.load(std::memory_order_relaxed)) return true;
  for (std::size_t key = 0; key < keys_.size(); ++key) {
    if (lookup.sequence(key) != sequences_[key]) return true;
  }
  return false;
}

// ---- WatchCheck ----

WatchCheck::WatchCheck(std::shared_ptr<Watch> watch)
    : watch_(std::move(watch)), many_keys_(watch_ ? watch_->many_keys() : 0) {}

std::uint64_t WatchCheck::bytes_to_prepare() const {
  return many_keys_ == 0 ? 0 : KeyLookup::memory_for(many_keys_);
}

void WatchCheck::prepare(Preparation& preparation) {
  if (!watch_) return;
  add_parts();
  for (const auto& part : parts_) preparation.look_up(part->lookup);
}

// Adds the parts that are missing: a WATCH that was with the writer when the transaction was prepared has
// been added since.
void WatchCheck::add_parts() {
  const std::vector<const WatchedMany*> many = watch_->many();
  for (std::size_t i = parts_.size(); i < many.size(); ++i)
    parts_.push_back(std::make_unique<Part>(Part{many[i], KeyLookup(many[i]->keys())}));
}

bool WatchCheck::has_changed(Transaction& transaction) {
  if (!watch_) return false;
  if (watch_->touched_.load(std::memory_order_relaxed)) return true;
  const bool of_few = std::any_of(watch_->seen_.begin(), watch_->seen_.end(), [&](const auto& seen) {
    const auto entry = transaction.find(seen.first);
    return (entry ? entry->sequence : 0) != seen.second;
  });
  if (of_few) return true;
  add_parts();
  std::size_t keys = 0;
  for (const auto& part : parts_) keys += part->many->keys().size();
  if (keys != many_keys_) return true;  // a WATCH was refused
  return std::any_of(parts_.begin(), parts_.end(), [&](const auto& part) {
    transaction.look_up(part->lookup);
    return part->many->has_changed(part->lookup);
  });
}

// ---- WatchedKeys ----

void WatchedKeys::touch(std::string_view key) {
  Shard& shard = shard_of(key);
  const engine::MutexLock lock(shard.mutex);
  const auto found = shard.keys.find(key);
  if (found == shard.keys.end()) return;
  if (found->second.one != nullptr) found->second.one->store(true, std::memory_order_relaxed);
  if (!found->second.others) return;
  for (std::atomic<bool>* touched : *found->second.others) touched->store(true, std::memory_order_relaxed);
}

void WatchedKeys::add(std::string_view key, std::atomic<bool>& touched) {
  Shard& shard = shard_of(key);
  const engine::MutexLock lock(shard.mutex);
  auto found = shard.keys.find(key);
  if (found == shard.keys.end()) {
    found = shard.keys.emplace(key, Watchers()).first;
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  Watchers& watchers = found->second;
  if (watchers.one == &touched) return;
  if (watchers.one == nullptr && !watchers.others) {
    watchers.one = &touched;
    return;
  }
  if (!watchers.others) watchers.others = std::make_unique<std::unordered_set<std::atomic<bool>*>>();
  watchers.others->insert(&touched);
}

void WatchedKeys::remove(std::string_view key, std::atomic<bool>& touched) {
  Shard& shard = shard_of(key);
  const engine::MutexLock lock(shard.mutex);
  const auto found = shard.keys.find(key);
  if (found == shard.keys.end()) return;
  Watchers& watchers = found->second;
  if (watchers.one == &touched) watchers.one = nullptr;
  if (watchers.others) {
    watchers.others->erase(&touched);
    if (watchers.others->empty()) watchers.others.reset();
  }
  if (watchers.one != nullptr || watchers.others) return;
  shard.keys.erase(found);
  count_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace minikv::server
