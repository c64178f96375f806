// What other threads leave for an event loop.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "server/net/poller.h"
#include "server/net/task_in_flight.h"

namespace minikv::server {

// Holds functions that the loop is to call, tasks that are done, and news of memory and of room. The loop is
// woken once for all of them, and by a system call only if it sleeps.
//
// Thread safety: as each part says.
class LoopMailbox {
 public:
  // `poller`: where the loop sleeps. It must outlive the mailbox.
  explicit LoopMailbox(Poller& poller) : poller_(poller) {}
  LoopMailbox(const LoopMailbox&) = delete;
  LoopMailbox& operator=(const LoopMailbox&) = delete;

  // ---- from any thread, once the poller is open ----

  // The loop calls the functions in the order of the posts. Functions that are left when the loop has ended
  // are never called. Throws std::bad_alloc; `function` is then as it was.
  void post(std::function<void()>&& function) MINIKV_EXCLUDES(mutex_);
  // The writer is done with a task. group_is_done() follows once the task's group is done.
  void collect(TaskInFlight& one) noexcept MINIKV_EXCLUDES(mutex_);
  // A reader is done with a task. Wakes the loop, as no other call announces the task.
  void collect_and_wake(TaskInFlight& one) noexcept MINIKV_EXCLUDES(mutex_);
  // A group is done: if that concerns the loop, it is woken.
  void group_is_done() MINIKV_EXCLUDES(mutex_);
  // There is memory for clients again.
  void memory_is_free();

  // ---- from the loop ----

  // Takes the posted functions, and the tasks that are done. Both arguments have to be empty. want_room() has
  // to be called again if the loop still wants room.
  void take_all(std::vector<std::function<void()>>& posted, TaskMail& tasks) MINIKV_EXCLUDES(mutex_);
  // Tasks are about to be handed to the store; take_tasks() follows, so that tasks that are done at once need
  // not wake the loop.
  void begin_handing_over() MINIKV_EXCLUDES(mutex_);
  void take_tasks(TaskMail& tasks) MINIKV_EXCLUDES(mutex_);
  // The loop waits for room in the store's queue, which the end of a group may make.
  void want_room() MINIKV_EXCLUDES(mutex_);
  // Whether there was news of memory since forget_memory().
  bool has_news_of_memory() const { return memory_is_free_.load(std::memory_order_relaxed); }
  void forget_memory() { memory_is_free_.store(false); }

 private:
  Poller& poller_;
  std::atomic<bool> memory_is_free_{false};
  engine::Mutex mutex_;
  std::vector<std::function<void()>> posted_ MINIKV_GUARDED_BY(mutex_);
  TaskMail collected_ MINIKV_GUARDED_BY(mutex_);
  bool is_handing_over_ MINIKV_GUARDED_BY(mutex_) = false;  // the loop is about to look at collected_
  bool room_wanted_ MINIKV_GUARDED_BY(mutex_) = false;
};

}  // namespace minikv::server
