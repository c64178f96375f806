// A list of tasks that needs no memory of its own.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>

#include "minikv/transaction.h"

namespace minikv::engine {

// The tasks are linked to each other, so that queueing never fails. A task is in at most one list.
// Thread safety: none.
class TaskList {
 public:
  TaskList() = default;
  TaskList(const TaskList&) = delete;
  TaskList& operator=(const TaskList&) = delete;
  // Every task has been answered, which takes it out of its list.
  ~TaskList() { assert(empty()); }

  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  WriteTask& front() const {
    assert(!empty());
    return *first_;
  }
  static WriteTask* behind(const WriteTask& task) { return task.next_; }

  void push_back(WriteTask& task) {
    assert(task.next_ == nullptr && &task != last_);
    (empty() ? first_ : last_->next_) = &task;
    last_ = &task;
    ++size_;
  }
  void push_back(std::span<WriteTask* const> tasks) {
    for (WriteTask* const task : tasks) push_back(*task);
  }
  // Moves all tasks of `others` to the end of this list.
  void append(TaskList& others) {
    if (others.empty()) return;
    (empty() ? first_ : last_->next_) = others.first_;
    last_ = others.last_;
    size_ += others.size_;
    others.first_ = others.last_ = nullptr;
    others.size_ = 0;
  }
  // Takes out the first task, which its owner may destroy from then on.
  WriteTask& pop_front() {
    assert(!empty());
    WriteTask& task = *first_;
    first_ = task.next_;
    if (first_ == nullptr) last_ = nullptr;
    task.next_ = nullptr;
    --size_;
    return task;
  }

  // Whether there was no memory to carry the task out; the writer answers with that.
  static void set_without_memory(WriteTask& task) { task.is_without_memory_ = true; }
  static bool is_without_memory(const WriteTask& task) { return task.is_without_memory_; }
  // Whether the task would have passed the maximum size of the index; likewise.
  static void set_beyond_index_limit(WriteTask& task) { task.is_beyond_index_limit_ = true; }
  static bool is_beyond_index_limit(const WriteTask& task) { return task.is_beyond_index_limit_; }

 private:
  WriteTask* first_ = nullptr;
  WriteTask* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace minikv::engine
