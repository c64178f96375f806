// Readers: threads that wait for the disk, so that event loops and the writer need not.
//
// Most reads find their value in memory. A read from the disk takes as long as the disk does, and an event
// loop has other connections to serve: it hands the read over to a reader and goes on. Readers read by system
// call rather than through a mapping, since a page fault would hold the lock on the process's address space
// for as long as the disk takes.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "engine/base/thread_annotations.h"

namespace minikv::engine {

// Thread safety: run() may be called from any thread; stop() by one.
class ReaderPool {
 public:
  // Without threads, run() runs the work at once.
  explicit ReaderPool(unsigned threads);
  ~ReaderPool() { stop(); }
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  // Runs `work` on one of the threads, in no order. `work` must not throw.
  void run(std::function<void()> work) MINIKV_EXCLUDES(mutex_);
  // Finishes the queued work and ends the threads. Later calls of run() run their work at once.
  void stop() MINIKV_EXCLUDES(mutex_);

  // Whether the calling thread is one of a pool's.
  static bool is_this_thread_one();

 private:
  void serve() MINIKV_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> waiting_ MINIKV_GUARDED_BY(mutex_);
  bool stopping_ MINIKV_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace minikv::engine
