// One thread of low priority, and a queue of jobs.
#include "engine/core/background_jobs.h"

#include <new>
#include <utility>

#include "engine/base/low_priority.h"

namespace minikv::engine {

BackgroundJobs::BackgroundJobs(bool threaded) : threaded_(threaded) {
  if (threaded_) thread_ = std::thread([this] { run(); });
}

void BackgroundJobs::add(std::function<void()> job) {
  if (!threaded_) return job();
  MutexLock lock(mutex_);
  if (stopping_) return;
  jobs_.push_back(std::move(job));
  changed_.notify_all();
}

void BackgroundJobs::free_later(std::shared_ptr<void> what) noexcept {
  try {
    add([what = std::move(what)]() mutable { what.reset(); });
  } catch (const std::bad_alloc&) {
    // This call has let go of `what`.
  }
}

void BackgroundJobs::finish() {
  MutexLock lock(mutex_);
  while (!stopping_ && (busy_ || !jobs_.empty())) changed_.wait(mutex_);
}

void BackgroundJobs::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  MutexLock lock(mutex_);
  jobs_.clear();
}

void BackgroundJobs::run() {
  lower_priority_of_this_thread();
  for (;;) {
    std::function<void()> job;
    {
      MutexLock lock(mutex_);
      busy_ = false;
      changed_.notify_all();
      while (jobs_.empty() && !stopping_) changed_.wait(mutex_);
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      busy_ = true;
    }
    try {
      job();
    } catch (const std::bad_alloc&) {
      // No client waits for the job, and its result is made when it is needed.
    }
  }
}

}  // namespace minikv::engine
