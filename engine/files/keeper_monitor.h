// The mutex and the condition variable that the keeper and its parts share.
#pragma once

#include <functional>
#include <utility>

#include "engine/base/thread_annotations.h"
#include "engine/core/context.h"

namespace minikv::engine {

// The name of KeeperMonitor::mutex() in the thread annotations of all classes that share it. The name is
// declared and never defined: the analysis compares expressions, and each class reaches the mutex by another
// one.
extern Mutex keeper_mutex;

// One mutex guards all requests of other threads to the keeper, and all of its answers: the keeper picks the
// next job from all of them at once. One condition variable serves both directions, since a wait on either
// side is for a job that takes a system call at least.
//
// Thread safety: all members may be called from any thread.
class KeeperMonitor {
 public:
  // `run_pending` does on the calling thread what the keeper's thread would do (single-threaded mode).
  KeeperMonitor(StoreContext& context, std::function<void()> run_pending)
      : context_(context), run_pending_(std::move(run_pending)) {}

  Mutex& mutex() const MINIKV_RETURN_CAPABILITY(keeper_mutex) { return mutex_; }

  // Wakes the keeper, for which there is a job, and the threads that wait for its answers.
  void notify_all() { changed_.notify_all(); }
  void wait() MINIKV_REQUIRES(keeper_mutex) { changed_.wait(mutex()); }
  template <typename TimePoint>
  void wait_until(TimePoint deadline) MINIKV_REQUIRES(keeper_mutex) {
    changed_.wait_until(mutex(), deadline);
  }
  // Waits for the keeper until `condition()`, which is called with the mutex held, is true. kReadOnly,
  // kShutdown: the condition will not come true any more.
  template <typename Condition>
  Status wait_for(Condition condition) MINIKV_REQUIRES(keeper_mutex) {
    while (!condition()) {
      if (context_.health.is_read_only()) return context_.health.refusal();
      if (is_stopping_) return {StatusCode::kShutdown, "the store is closing"};
      wait();
    }
    return {};
  }
  // To be called after requesting a job, and before waiting for it.
  void run_pending_if_single_threaded() MINIKV_EXCLUDES(keeper_mutex) {
    if (context_.options.single_threaded) run_pending_();
  }

  void stop() MINIKV_EXCLUDES(keeper_mutex) {
    MutexLock lock(mutex());
    is_stopping_ = true;
    notify_all();
  }
  bool is_stopping() const MINIKV_REQUIRES(keeper_mutex) { return is_stopping_; }

  // Makes the store read-only, since what the disk holds is unknown.
  void fail(const Status& status) MINIKV_EXCLUDES(keeper_mutex) {
    if (!context_.health.is_read_only()) {
      context_.log.error("the store is read-only until it is restarted: {}", status.message());
    }
    context_.health.fail(status);
    MutexLock lock(mutex());
    notify_all();
  }

 private:
  StoreContext& context_;
  const std::function<void()> run_pending_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool is_stopping_ MINIKV_GUARDED_BY(keeper_mutex) = false;
};

}  // namespace minikv::engine
