// Old values that are not in memory when the writer comes to their task.
#pragma once

#include "engine/commit/group.h"
#include "engine/commit/writer_queue.h"
#include "engine/core/old_value_loader.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// As a rule the old values were read before the task was submitted (Store::load()), but they may have changed
// since, or have left memory. Then a reader reads them, so that the writer does not wait for the disk.
// Meanwhile the task stays at the head of the next group.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class OldValueGate {
 public:
  // Both must outlive it.
  OldValueGate(const OldValueLoader& loader, WriterQueue& queue) : loader_(loader), queue_(queue) {}

  // Whether the task's old values, as `group` sees them, are in memory. If one is not, a reader reads it, and
  // wakes the writer by WriterQueue::end_reading(). May throw std::bad_alloc.
  bool has_all(WriteTask& task, Group& group);

 private:
  const OldValueLoader& loader_;
  WriterQueue& queue_;
};

}  // namespace minikv::engine
