// Leaving something for a loop, and taking it.
#include "server/net/loop_mailbox.h"

#include <cassert>
#include <utility>

namespace minikv::server {

void LoopMailbox::post(std::function<void()>&& function) {
  {
    const engine::MutexLock lock(mutex_);
    posted_.push_back(std::move(function));
  }
  poller_.wake();
}

void LoopMailbox::collect(TaskInFlight& one) noexcept {
  const engine::MutexLock lock(mutex_);
  collected_.add(one);
}

void LoopMailbox::collect_and_wake(TaskInFlight& one) noexcept {
  // All under the lock: once the task has been delivered, the loop may end.
  const engine::MutexLock lock(mutex_);
  collected_.add(one);
  poller_.wake();
}

void LoopMailbox::group_is_done() {
  {
    const engine::MutexLock lock(mutex_);
    if ((collected_.empty() || is_handing_over_) && !room_wanted_) return;
  }
  poller_.wake();
}

void LoopMailbox::memory_is_free() {
  if (!memory_is_free_.exchange(true)) poller_.wake();
}

void LoopMailbox::take_all(std::vector<std::function<void()>>& posted, TaskMail& tasks) {
  assert(posted.empty() && tasks.empty());
  const engine::MutexLock lock(mutex_);
  posted.swap(posted_);
  tasks.swap(collected_);
  room_wanted_ = false;
}

void LoopMailbox::begin_handing_over() {
  const engine::MutexLock lock(mutex_);
  assert(!is_handing_over_);
  is_handing_over_ = true;
}

void LoopMailbox::take_tasks(TaskMail& tasks) {
  assert(tasks.empty());
  const engine::MutexLock lock(mutex_);
  assert(is_handing_over_);
  is_handing_over_ = false;
  tasks.swap(collected_);
}

void LoopMailbox::want_room() {
  const engine::MutexLock lock(mutex_);
  room_wanted_ = true;
}

}  // namespace minikv::server
