// A WriteTask that somebody waits for.
#pragma once

#include "engine/base/thread_annotations.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// Thread safety: wait() by one thread.
class BlockingTask : public WriteTask {
 public:
  void done(const Status& status) override {
    MutexLock lock(mutex_);
    status_ = status;
    done_ = true;
    // Under the lock: the waiter may destroy this as soon as it sees `done_`.
    condition_.notify_one();
  }

  Status wait() {
    MutexLock lock(mutex_);
    while (!done_) condition_.wait(mutex_);
    return status_;
  }

 private:
  Mutex mutex_;
  CondVar condition_;
  Status status_ MINIKV_GUARDED_BY(mutex_);
  bool done_ MINIKV_GUARDED_BY(mutex_) = false;
};

}  // namespace minikv::engine
