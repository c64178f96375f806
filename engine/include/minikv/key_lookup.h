// Questions about very many keys, answered without holding anybody up.
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

// What the store says of many keys, all of it as of one moment.
//
// To look a million keys up takes a third of a second. So it is done in slices, between which the writer and
// other readers have their turns, while the store notes which keys are written to; at the end only those are
// looked at again. Store::look_up() does this for a reader. A task that needs the answer on the writer has it
// prepared before (WriteTask::prepare()), and Transaction::look_up() brings it up to date.
//
// The keys are not copied: they, and the array that names them, must stay as they are while the look-up
// lives.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may be handed from
// one to the other. May outlive the store.
class KeyLookup {
 public:
  explicit KeyLookup(std::span<const std::string_view> keys);
  KeyLookup(KeyLookup&&) noexcept;
  KeyLookup& operator=(KeyLookup&&) noexcept;
  ~KeyLookup();

  // At most so many bytes of memory are taken by a look-up of `keys` keys, beside the keys themselves.
  static std::uint64_t memory_for(std::size_t keys) { return keys * 80 + 4096; }

  std::span<const std::string_view> keys() const { return keys_; }
  // Whether there is an answer: Store::look_up() or Transaction::look_up() has been called. What follows
  // needs one.
  bool is_done() const { return is_done_; }
  // The same, or a Preparation has found out most of it: what follows may then be out of date until
  // Transaction::look_up().
  bool is_begun() const { return found_ != nullptr; }
  // How many of the keys are there; one that is named twice counts twice.
  std::size_t there() const;
  bool is_there(std::size_t key) const;
  // Where the value is; nothing: there is no such key.
  std::optional<ValueHandle> handle(std::size_t key) const;
  // Of the newest write to the key, changes of its expiry included; 0: it is not there.
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

// How many keys there are from `from` to before `to` (empty: to the last key), kept up to date from the
// moment on at which they have been counted: for Transaction::remove_range().
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
  std::shared_ptr<engine::CountedRange> counted_;  // null until it has been counted
};

// What WriteTask::prepare() can have found out before the writer gets the task. Each call may take as long as
// there are keys, and holds nobody up. If it can't be done (there is no memory, the store is closing) nothing
// is prepared, and the writer does it.
class Preparation {
 public:
  virtual ~Preparation() = default;
  virtual void look_up(KeyLookup& lookup) = 0;
  virtual void count(RangeCount& range) = 0;
};

}  // namespace minikv
