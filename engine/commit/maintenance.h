// Work of the writer's that nobody waits for: expired keys leave memory, the time is written down.
//
// It belongs on the writer's thread, because it changes the index or appends to the log, and it may be a lot: a million
// keys that expire in the same second. So it is done in slices, one between two groups while there are writes, one
// after the other while there are none. No write waits for more than one slice, no reader for more than one hold of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace minikv::engine {

// Thread safety: the writer's alone.
class Chore {
 public:
  virtual ~Chore() = default;
  // In how many milliseconds run_slice() should be called; 0: now; nothing: not before something was written. Asked often,
  // so it costs little.
  virtual std::optional<std::int64_t> due_in_ms() = 0;
  // Does a bounded piece of the work: well under a millisecond, a sync aside.
  virtual void run_slice() = 0;
};

// Takes the chores in turn.
// Thread safety: the writer's alone.
class Housekeeping {
 public:
  // Not owned.
  void add(Chore& chore) { chores_.push_back(&chore); }

  // The earliest of the chores' answers.
  std::optional<std::int64_t> due_in_ms() {
    std::optional<std::int64_t> earliest;
    for (Chore* chore : chores_) {
      const auto due = chore->due_in_ms();
      if (due && (!earliest || *due < *earliest)) earliest = due;
    }
    return earliest;
  }

  // Runs one slice of one chore that is due. Whether there was one.
  bool run_slice() {
    for (std::size_t tried = 0; tried < chores_.size(); ++tried) {
      Chore& chore = *chores_[next_];
      next_ = (next_ + 1) % chores_.size();
      if (chore.due_in_ms() != std::optional<std::int64_t>(0)) continue;
      chore.run_slice();
      return true;
    }
    return false;
  }

 private:
  std::vector<Chore*> chores_;
  std::size_t next_ = 0;
};

}  // namespace minikv::engine
