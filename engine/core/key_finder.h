// Where the values of keys are, and how many keys there are: what readers ask the index.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/counted_range.h"
#include "engine/core/found_keys.h"
#include "engine/core/state.h"
#include "minikv/key_lookup.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// Looks up under the readers' lock, which is shared and held for a short time: what concerns very many keys
// is done in slices, between which the writer and other readers have their turns. A handle pins its segment,
// so that the value can be read without the lock. What the members promise is said in minikv/store.h, by the
// same names.
//
// Thread safety: all members may be called from any thread.
class KeyFinder {
 public:
  // Both must outlive it. Once `closing` is set, what is prepared for the writer is given up.
  KeyFinder(SharedState& state, const std::atomic<bool>& closing) : state_(state), closing_(closing) {}

  std::optional<ValueHandle> locate(std::string_view key) const;
  std::vector<std::optional<ValueHandle>> multi_locate(std::span<const std::string_view> keys) const;
  void fetch_ahead(std::span<const std::string_view> keys) const;
  std::size_t count_existing(std::span<const std::string_view> keys) const;
  std::uint64_t size() const;
  Status look_up(KeyLookup& lookup, const std::function<bool()>& should_stop) const;
  // Has the task prepare what it wants to find out beforehand (WriteTask::prepare()).
  void prepare(WriteTask& task) const;

 private:
  class Preparer;

  void look_up_or_throw(KeyLookup& lookup) const;
  Result<std::int64_t> find_keys(FoundKeys& found, const std::function<bool()>& should_stop) const;
  std::optional<std::int64_t> catch_up(FoundKeys& found) const;
  std::shared_ptr<CountedRange> count_range(const std::string& from, const std::string& to) const;
  bool count_some(CountedRange& counted) const MINIKV_REQUIRES_SHARED(state_.lock);

  SharedState& state_;
  const std::atomic<bool>& closing_;
};

}  // namespace minikv::engine
