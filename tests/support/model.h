// What a store ought to hold: the history of its writes, and how a store is compared with it.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "minikv/store.h"

namespace minikv::sim {

using Contents = std::map<std::string, std::string>;

// One atomic step of a history.
struct ModelChange {
  std::string key;
  std::optional<std::string> value;  // nothing: the key is deleted
};
using ModelBatch = std::vector<ModelChange>;

void apply(const ModelBatch& batch, Contents& contents);

// "3 keys: a (5 bytes), b (1,000 bytes) ..." for messages.
std::string describe(const Contents& contents);
// The first difference, or nothing.
std::string difference(const Contents& expected, const Contents& seen);

// Batches in the order in which they were submitted, and what became of them. Copies share their contents.
class History {
 public:
  using Possible = std::vector<std::shared_ptr<const Contents>>;

  void acknowledged(const ModelBatch& batch);
  // Not answered, or answered with an error that leaves open what is on the disk. The next acknowledged write settles
  // that it did not happen: it was answered by a store that did not have it.
  void in_doubt(const ModelBatch& batch);
  // A store was opened and `seen` is what it held.
  void settle(const Contents& seen);

  const Contents& contents() const { return *past_.back(); }
  // What a store may hold after a crash that loses nothing acknowledged.
  Possible allowed() const;
  // And after one that loses any number of the last acknowledged batches, but not the first `durable` ones.
  Possible allowed_prefixes(std::size_t durable) const;
  // Batches acknowledged, since the last settlement.
  std::size_t size() const { return past_.size() - 1; }
  // Every key that was ever written.
  const std::set<std::string>& keys() const { return *keys_; }

 private:
  void learn_keys(const ModelBatch& batch);

  Possible past_{std::make_shared<const Contents>()};  // after each batch, beginning with none
  std::vector<ModelBatch> doubtful_;
  std::shared_ptr<const std::set<std::string>> keys_ = std::make_shared<const std::set<std::string>>();
};

// The one among `possible` that is `seen`; without one, `problem` says what is wrong with the first.
bool is_possible(const Contents& seen, const History::Possible& possible, std::string& problem);

// Reads everything there is, by every way of reading, which must agree. Errors are those of values that can't be read,
// and disagreements.
Result<Contents> read_all(const Store& store, const std::set<std::string>& keys);

}  // namespace minikv::sim
