#include "engine/index/index.h"

#include <algorithm>
#include <vector>

namespace minikv::engine {

Index::~Index() {
  points_.for_each([](Entry* entry) { Entry::destroy(entry); });
}

std::optional<Place> Index::find(std::string_view key) const {
  const Entry* entry = points_.find(key);
  if (entry == nullptr) return std::nullopt;
  return entry->place();
}

std::optional<Place> Index::put(std::string_view key, const Place& place) {
  Entry* entry = points_.find(key);
  if (entry == nullptr) {
    entry = Entry::create(key, place);
    entry_bytes_ += entry->bytes();
    points_.insert(entry);
    order_.insert(entry);
    return std::nullopt;
  }
  const Place before = entry->place();
  if (entry->can_hold(place)) {
    entry->assign(place);
    return before;
  }
  Entry* now = Entry::create(key, place);
  entry_bytes_ += now->bytes() - entry->bytes();
  points_.replace(entry, now);
  const auto old = order_.find(entry);
  const auto next = order_.erase(old);
  order_.insert(next, now);
  Entry::destroy(entry);
  return before;
}

std::optional<Place> Index::erase(std::string_view key) {
  Entry* entry = points_.find(key);
  if (entry == nullptr) return std::nullopt;
  const Place before = entry->place();
  entry_bytes_ -= entry->bytes();
  order_.erase(entry);
  points_.erase(entry);
  Entry::destroy(entry);
  return before;
}

std::size_t Index::memory_bytes() const {
  // The allocator's header for each entry, and a B-tree that is three quarters full.
  constexpr std::size_t kPerEntry = 8 + sizeof(Entry*) * 4 / 3;
  return entry_bytes_ + points_.memory_bytes() + points_.size() * kPerEntry;
}

void Index::put_loading(std::string_view key, const Place& place) {
  Entry* entry = points_.find(key);
  if (entry == nullptr) {
    entry = Entry::create(key, place);
    entry_bytes_ += entry->bytes();
    points_.insert(entry);
  } else if (entry->can_hold(place)) {
    entry->assign(place);
  } else {
    Entry* now = Entry::create(key, place);
    entry_bytes_ += now->bytes() - entry->bytes();
    points_.replace(entry, now);
    Entry::destroy(entry);
  }
}

void Index::finish_loading() {
  std::vector<Entry*> entries;
  entries.reserve(points_.size());
  std::vector<Entry*> deleted;
  points_.for_each([&](Entry* entry) { (entry->place().deleted ? deleted : entries).push_back(entry); });
  for (Entry* entry : deleted) {
    entry_bytes_ -= entry->bytes();
    points_.erase(entry);
    Entry::destroy(entry);
  }
  // Sorted first, every insertion is an append, which is many times cheaper than finding each one's place.
  std::sort(entries.begin(), entries.end(), Less{});
  for (Entry* entry : entries) order_.insert(order_.end(), entry);
}

}  // namespace minikv::engine
