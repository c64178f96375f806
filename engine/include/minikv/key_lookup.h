// Look-ups of very many keys, which delay neither the writer nor other readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "minikv/status.h"
#include "minikv/transaction.h"

namespace minikv {

namespace engine {
class CountedRange;
class FoundKeys;
class GroupView;
class KeyFinder;
}  // namespace engine

// What the store says of many keys, all at one moment.
//
// To look up a million keys takes a third of a second. So the store does it in slices, between which the
// writer and other readers have their turns. Meanwhile the store notes which keys are written to, and at the
// end it looks up only those again. Store::look_up() does this for a reader. A task that needs the answer on
// the writer has it prepared before (WriteTask::prepare()), and Transaction::look_up() brings it up to date.
//
// The keys are not copied: the caller must leave them, and the array that names them, unchanged while the
// look-up lives.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may be handed from
// one to the other. May outlive the store.
class KeyLookup {
 public:
  explicit KeyLookup(std::span<const std::string_view> keys);
  KeyLookup(KeyLookup&&) noexcept;
  KeyLookup& operator=(KeyLookup&&) noexcept;
  ~KeyLookup();

  // The maximum number of bytes that a look-up of `keys` keys takes, beside the keys themselves.
  static std::uint64_t memory_for(std::size_t keys) { return keys * 80 + 4096; }

  std::span<const std::string_view> keys() const { return keys_; }
  // Whether there is an answer: Store::look_up() or Transaction::look_up() has been called. there() and the
  // members behind it need one.
  bool is_done() const { return is_done_; }
  // Whether there is an answer, or a Preparation has found most of it: the answer may then be out of date
  // until Transaction::look_up().
  bool is_begun() const { return found_ != nullptr; }
  // How many of the keys are there; a key that is named twice counts twice.
  std::size_t there() const;
  bool is_there(std::size_t key) const;
  // The location of the value; nothing: there is no such key.
  std::optional<ValueHandle> handle(std::size_t key) const;
  // The sequence of the newest write to the key, changes of its expiry included; 0: the key is not there.
  std::uint64_t sequence(std::size_t key) const;
  // The first key from `key` on that is there and was not named before; keys().size(): there is none.
  std::size_t next_there(std::size_t key) const;

 private:
  friend class engine::KeyFinder;
  friend class engine::GroupView;

  std::span<const std::string_view> keys_;
  bool is_done_ = false;
  std::unique_ptr<engine::FoundKeys> found_;  // null until it is begun
};

// The number of keys from `from` to before `to` (empty: to the last key), for Transaction::remove_range().
// The store counts the keys once, and keeps the number up to date from then on.
//
// Thread safety: as KeyLookup.
class RangeCount {
 public:
  RangeCount(std::string from, std::string to);
  RangeCount(RangeCount&&) noexcept;
  RangeCount& operator=(RangeCount&&) noexcept;
  ~RangeCount();

  const std::string& from() const { return from_; }
  const std::string& to() const { return to_; }

 private:
  friend class engine::KeyFinder;
  friend class engine::GroupView;

  std::string from_, to_;
  std::shared_ptr<engine::CountedRange> counted_;  // null until the keys have been counted
};

// The work that WriteTask::prepare() can have done before the writer gets the task. The time of a call grows
// with the number of keys; meanwhile it delays neither the writer nor readers. If a call can't be done (there
// is no memory, the store is closing), it prepares nothing, and the writer does the work.
class Preparation {
 public:
  virtual ~Preparation() = default;
  virtual void look_up(KeyLookup& lookup) = 0;
  virtual void count(RangeCount& range) = 0;
};

}  // namespace minikv
