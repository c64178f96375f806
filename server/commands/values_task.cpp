#include "server/commands/values_task.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "server/commands/read.h"

namespace minikv::server {

namespace {

Result<Value> not_found() { return {StatusCode::kNotFound, "no such key"}; }

std::uint64_t value_bytes(const ValuesTask::Places& places) {
  std::uint64_t bytes = 0;
  for (const auto& place : places) bytes += place ? place->value_bytes() : 0;
  return bytes;
}

}  // namespace

ValuesTask::ValuesTask(Memory memory, std::vector<std::string_view> keys, Places places, const Store& store)
    : Task(std::move(memory), value_bytes(places)),
      keys_(std::move(keys)),
      places_(std::move(places)),
      store_(store) {}

void ValuesTask::perform(Transaction& transaction) {
  places_.reserve(keys_.size());
  for (const std::string_view key : keys_) places_.push_back(transaction.locate(key));
}

std::uint64_t ValuesTask::loading_bytes() const { return value_bytes(places_); }

bool ValuesTask::try_load() { return try_read_places(store_, keys_, places_, found_); }

void ValuesTask::load() {
  while (found_.size() < keys_.size()) {
    const std::size_t i = found_.size();
    found_.push_back(places_[i] ? store_.read(keys_[i], *places_[i]) : not_found());
  }
}

bool try_read_places(const Store& store, std::span<const std::string_view> keys,
                     const ValuesTask::Places& places, std::vector<Result<Value>>& found) {
  found.reserve(keys.size());
  std::uint64_t bytes = 0;
  while (found.size() < keys.size()) {
    const std::optional<ValueHandle>& place = places[found.size()];
    if (!place) {
      found.push_back(not_found());
      continue;
    }
    bytes += place->value_bytes();
    if (bytes > kMaxBytesAtOnce) return false;
    std::optional<Result<Value>> value = store.try_read(keys[found.size()], *place);
    if (!value) return false;
    found.push_back(*std::move(value));
  }
  return true;
}

}  // namespace minikv::server
