// A WriteTask that a thread waits for.
#pragma once

#include <cassert>
#include <memory>

#include "engine/base/thread_annotations.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// Thread safety: wait() by one thread.
class BlockingTask : public WriteTask {
 public:
  void done(const Status& status) override {
    // The waiter may destroy this task as soon as it sees `is_done`, but not the outcome. So done() can
    // notify without the lock, for which the waiter would have to wait again.
    const std::shared_ptr<Outcome> outcome = outcome_;
    {
      MutexLock lock(outcome->mutex);
      assert(!outcome->is_done && "done() once");
      outcome->status = status;
      outcome->is_done = true;
    }
    outcome->changed.notify_one();
  }

  Status wait() {
    MutexLock lock(outcome_->mutex);
    while (!outcome_->is_done) outcome_->changed.wait(outcome_->mutex);
    return outcome_->status;
  }

 private:
  struct Outcome {
    Mutex mutex;
    CondVar changed;
    Status status MINIKV_GUARDED_BY(mutex);
    bool is_done MINIKV_GUARDED_BY(mutex) = false;
  };
  const std::shared_ptr<Outcome> outcome_ = std::make_shared<Outcome>();
};

}  // namespace minikv::engine
