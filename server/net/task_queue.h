// A session's tasks in flight, and their sums.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "protocol/reply_buffer.h"
#include "server/net/task_in_flight.h"

namespace minikv::server {

// The tasks are in the order of the requests. A queue costs nothing while it is empty, as nearly all are.
//
// What is begun for a task has to be ended before the task is taken out, which is asserted.
//
// Thread safety: used on the event loop of the session.
class TaskQueue {
 public:
  TaskQueue() = default;
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  ~TaskQueue() {
    while (!empty()) (void)unlink_front();
  }

  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  TaskInFlight& front() const {
    assert(!empty());
    return *first_;
  }
  TaskInFlight& back() const {
    assert(!empty());
    return *last_;
  }
  // The task behind `one`; null if `one` is the last.
  static TaskInFlight* behind(const TaskInFlight& one) { return one.next; }
  // Task::bytes() must not change from here on.
  TaskInFlight& push(TaskPool::Owner&& one) {
    assert(one && one->task && one->next == nullptr);
    bytes_ += one->task->bytes();
    (empty() ? first_ : last_->next) = one.get();
    last_ = one.release();
    ++size_;
    return *last_;
  }
  // Removes the first task, which has been answered.
  void pop() {
    assert(!front().is_write && front().held_bytes == 0 && front().loading_bytes == 0 && !front().tail);
    bytes_ -= front().task->bytes();
    (void)unlink_front();
    assert(!empty() || (bytes_ == 0 && writes_ == 0 && write_bytes_ == 0 && tail_bytes_ == 0 &&
                        held_bytes_ == 0 && loading_bytes_ == 0));
  }

  // The task is for the writer.
  void begin_write(TaskInFlight& one) {
    assert(!one.is_write);
    one.is_write = true;
    ++writes_;
    write_bytes_ += one.task->bytes();
  }
  // The writer is done with the task, or will not get it. Does nothing if the task is not for the writer.
  void end_write(TaskInFlight& one) {
    if (!std::exchange(one.is_write, false)) return;
    --writes_;
    write_bytes_ -= one.task->bytes();
  }

  // Counts memory that has been taken for the task beside its arguments.
  void hold(TaskInFlight& one, std::uint64_t bytes) {
    one.held_bytes += bytes;
    held_bytes_ += bytes;
  }
  void release(TaskInFlight& one) { held_bytes_ -= std::exchange(one.held_bytes, 0); }

  // A reader makes at most `bytes` of the task's reply.
  void begin_loading(TaskInFlight& one, std::size_t bytes) {
    assert(one.loading_bytes == 0);
    one.loading_bytes = bytes;
    loading_bytes_ += bytes;
  }
  void end_loading(TaskInFlight& one) { loading_bytes_ -= std::exchange(one.loading_bytes, 0); }

  // Appends a reply that is known already and belongs behind the task's; `reply` is empty afterwards.
  void append_to_tail(TaskInFlight& one, protocol::ReplyBuffer& reply) {
    if (!one.tail) one.tail = std::make_unique<protocol::ReplyBuffer>();
    tail_bytes_ += reply.size();
    one.tail->append(std::move(reply));
  }
  // Moves the tail of the task, if there is one, to `out`.
  void take_tail(TaskInFlight& one, protocol::ReplyBuffer& out) {
    if (!one.tail) return;
    tail_bytes_ -= one.tail->size();
    out.append(std::move(*one.tail));
    one.tail.reset();
  }

  std::size_t writes() const { return writes_; }            // for the writer, or with it
  std::size_t write_bytes() const { return write_bytes_; }  // of these, as Task::bytes() has it
  std::size_t bytes() const { return bytes_; }              // of all of them
  std::size_t tail_bytes() const { return tail_bytes_; }
  std::uint64_t held_bytes() const { return held_bytes_; }
  std::size_t loading_bytes() const { return loading_bytes_; }

 private:
  TaskPool::Owner unlink_front() {
    TaskPool::Owner one(first_);
    first_ = one->next;
    --size_;
    return one;
  }

  TaskInFlight* first_ = nullptr;
  TaskInFlight* last_ = nullptr;  // valid while there is a first one
  std::size_t size_ = 0;
  std::size_t writes_ = 0;
  std::size_t write_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::size_t tail_bytes_ = 0;
  std::uint64_t held_bytes_ = 0;
  std::size_t loading_bytes_ = 0;
};

}  // namespace minikv::server
