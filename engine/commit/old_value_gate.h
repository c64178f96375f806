// Old values of a task that are not in memory when its turn on the writer has come.
#pragma once

#include "engine/commit/group.h"
#include "engine/commit/writer_queue.h"
#include "engine/core/old_value_loader.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// As a rule they were read before the task was submitted (Store::load()); but they may have changed since, or
// have left memory. Then a reader reads them, so that the writer does not wait for the disk, and the task
// stays where it is: at the head of the next group.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class OldValueGate {
 public:
  // Both must outlive it.
  OldValueGate(const OldValueLoader& loader, WriterQueue& queue) : loader_(loader), queue_(queue) {}

  // Whether the task's old values, as `group` sees them now, are in memory. If one is not, a reader is
  // bringing it, and the queue says when it is there. May throw std::bad_alloc.
  bool has_all(WriteTask& task, Group& group);

 private:
  const OldValueLoader& loader_;
  WriterQueue& queue_;
};

}  // namespace minikv::engine
