// Threads that take work from one queue.
#include "engine/core/reader_pool.h"

#include <utility>

namespace minikv::engine {
namespace {

thread_local bool is_reader = false;

}  // namespace

ReaderPool::ReaderPool(unsigned threads) : stopping_(threads == 0) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
}

bool ReaderPool::is_this_thread_one() { return is_reader; }

void ReaderPool::run(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      waiting_.push_back(std::move(work));
      wake_.notify_one();
      return;
    }
  }
  work();
}

void ReaderPool::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ReaderPool::serve() {
  is_reader = true;
  for (;;) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) wake_.wait(mutex_);
      if (waiting_.empty()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work();
  }
}

}  // namespace minikv::engine
