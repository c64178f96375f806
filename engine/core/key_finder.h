// What readers ask the index: the locations of values, and how many keys there are.
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

// The finder looks keys up under the readers' lock, which it holds shared and for a short time. Very many
// keys go in slices, between which the writer and other readers have their turns. A handle pins its segment,
// so that the value can be read without the lock. minikv/store.h documents the members, by the same names.
//
// Thread safety: all members may be called from any thread.
class KeyFinder {
 public:
  // Both must outlive it. Once `closing` is set, preparations for the writer are given up.
  KeyFinder(SharedState& state, const std::atomic<bool>& closing) : state_(state), closing_(closing) {}

  std::optional<ValueHandle> locate(std::string_view key) const;
  std::vector<std::optional<ValueHandle>> multi_locate(std::span<const std::string_view> keys) const;
  void prefetch(std::span<const std::string_view> keys) const;
  std::size_t count_existing(std::span<const std::string_view> keys) const;
  std::uint64_t size() const;
  Status look_up(KeyLookup& lookup, const std::function<bool()>& should_stop) const;
  // Calls WriteTask::prepare(), if the task wants look-ups or counts beforehand.
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
