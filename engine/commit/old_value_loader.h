// Values that a task is going to read on the writer, where they are not in memory when its turn has come.
#pragma once

#include <new>

#include "engine/base/out_of_memory.h"
#include "engine/commit/group.h"
#include "engine/commit/writer_queue.h"
#include "engine/core/reader_pool.h"
#include "engine/segment/resident_pages.h"
#include "minikv/options.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// As a rule they were read before the task was submitted (Store::load()); but they may have changed since, or
// have left memory. Then a reader reads them, so that the writer does not wait for the disk, and the task
// stays where it is: at the head of the next group.
//
// Thread safety: for the thread that acts as the writer (see WriterQueue).
class OldValueLoader {
 public:
  // All must outlive it.
  OldValueLoader(const Options& options, WarmPages& warm_pages, ReaderPool& readers, WriterQueue& queue)
      : options_(options), warm_pages_(warm_pages), readers_(readers), queue_(queue) {}

  // Whether the task's old values, as `group` sees them now, are in memory. If one is not, a reader is
  // bringing it, and the queue says when it is there. May throw std::bad_alloc.
  bool has_all(WriteTask& task, Group& group);

 private:
  const Options& options_;
  WarmPages& warm_pages_;
  ReaderPool& readers_;
  WriterQueue& queue_;
};

// What `read()` returns; kOutOfMemory if it throws std::bad_alloc.
template <typename Read>
Result<Value> read_or_say_why(Read read) noexcept {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return out_of_memory("reading a value");
  }
}

}  // namespace minikv::engine
