// What a store ought to hold: the history of its writes, and how a store is compared with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "minikv/store.h"

namespace minikv::sim {

// What there is under a key.
struct Item {
  std::string value;
  std::uint64_t version = 0;
  std::int64_t expiry_ms = kNoExpiry;

  bool has_expired(std::int64_t now_ms) const { return expiry_ms != kNoExpiry && expiry_ms <= now_ms; }
  bool operator==(const Item&) const = default;
};
// Those that have expired may still be among them: what counts is what is left of them at a time.
using Contents = std::map<std::string, Item>;

// One atomic step of a history.
struct ModelChange {
  enum class Kind : std::uint8_t { kWrite, kSetExpiry, kRangeDelete };

  std::string key;
  std::optional<std::string> value;  // of kWrite; nothing: the key is deleted
  std::int64_t expiry_ms = kNoExpiry;
  Kind kind = Kind::kWrite;
  std::uint64_t version = 0;  // of a value, once the store has told it
  std::string to = {};        // of kRangeDelete, which begins with `key`; empty: to the last key
};
using ModelBatch = std::vector<ModelChange>;

// Returns for each change how many keys it found: of one key 1 or 0.
std::vector<std::uint64_t> apply(const ModelBatch& batch, std::int64_t now_ms, Contents& contents);

// "3 keys: a (5 bytes), b (1,000 bytes) ..." for messages.
std::string describe(const Contents& contents);
// The first difference, or nothing. What has expired by now is not expected.
std::string difference(const Contents& expected, const Contents& seen, std::int64_t now_ms);

// Batches in the order in which they were submitted, and what became of them. Copies share their contents.
class History {
 public:
  using Possible = std::vector<std::shared_ptr<const Contents>>;

  void acknowledged(const ModelBatch& batch, std::int64_t now_ms);
  // Not answered, or answered with an error that leaves open what is on the disk. The next acknowledged write
  // settles that it did not happen: it was answered by a store that did not have it.
  void in_doubt(const ModelBatch& batch, std::int64_t now_ms);
  // A store was opened and `seen` is what it held.
  void settle(const Contents& seen);

  const Contents& contents() const { return *past_.back(); }
  // What a store may hold after a crash that loses nothing acknowledged.
  const Possible& allowed() const { return allowed_; }
  // And after one that loses any number of the last acknowledged batches, but not the first `durable` ones.
  Possible allowed_prefixes(std::size_t durable) const;
  // Batches acknowledged, since the last settlement.
  std::size_t size() const { return past_.size() - 1; }
  // Every key that was ever written.
  const std::set<std::string>& keys() const { return *keys_; }

 private:
  void learn_keys(const ModelBatch& batch);

  Possible past_{std::make_shared<const Contents>()};  // after each batch, beginning with none
  Possible allowed_ = past_;                           // with and without each batch that is in doubt
  std::shared_ptr<const std::set<std::string>> keys_ = std::make_shared<const std::set<std::string>>();
};

// Whether one among `possible` is `seen`; if not, `problem` says what is wrong with the first.
bool is_possible(const Contents& seen, const History::Possible& possible, std::int64_t now_ms,
                 std::string& problem);

// Reads everything there is, by every way of reading, which must agree. Errors are those of values that can't
// be read, and disagreements.
Result<Contents> read_all(const Store& store, const std::set<std::string>& keys);

}  // namespace minikv::sim
