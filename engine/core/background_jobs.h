// Background jobs, which no client waits for: hints, and the freeing of memory that was swapped out.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "engine/base/thread_annotations.h"

namespace minikv::engine {

// One thread, one job after the other. Without a thread (single-threaded mode) a job is done when add()
// returns.
//
// Thread safety: all members may be called from any thread.
class BackgroundJobs {
 public:
  explicit BackgroundJobs(bool threaded);
  ~BackgroundJobs() { stop(); }
  BackgroundJobs(const BackgroundJobs&) = delete;
  BackgroundJobs& operator=(const BackgroundJobs&) = delete;

  // Jobs that are added after stop() are dropped.
  void add(std::function<void()> job) MINIKV_EXCLUDES(mutex_);
  // Lets go of `what`, which may take a while. Without memory for a job, the call itself does it.
  void free_later(std::shared_ptr<void> what) noexcept MINIKV_EXCLUDES(mutex_);
  // Waits until all added jobs are done, or until stop().
  void finish() MINIKV_EXCLUDES(mutex_);
  // Ends the thread after its present job, and drops the other jobs.
  void stop() MINIKV_EXCLUDES(mutex_);

 private:
  void run();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ MINIKV_GUARDED_BY(mutex_);
  bool busy_ MINIKV_GUARDED_BY(mutex_) = false;
  bool stopping_ MINIKV_GUARDED_BY(mutex_) = false;
  const bool threaded_;
  std::thread thread_;
};

}  // namespace minikv::engine
