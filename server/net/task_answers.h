// How a session's tasks are answered.
#pragma once

#include <cstddef>

#include "protocol/reply_buffer.h"
#include "server/net/memory_waits.h"
#include "server/net/reply_budget.h"
#include "server/net/task_queue.h"

namespace minikv::server {

class EventLoop;
class Session;
struct ServerState;

// Makes the replies of the tasks in a session's queue, in the order of the requests, and no more of them than
// the client is about to take. A task that needs the disk for its reply gets a reader, ahead of its turn if
// there is memory.
//
// Thread safety: used on the event loop of the session.
class TaskAnswers {
 public:
  // `output`: the replies that go to the client. All must outlive this object.
  TaskAnswers(Session& session, EventLoop& loop, MemoryWaits& memory, TaskQueue& queue,
              protocol::ReplyBuffer& output);

  // Whether answer() can do something for the first task.
  bool can_answer() const;
  // Answers the tasks that can be answered, as much as one turn may, and removes them from the queue.
  void answer();
  // The newest task, which is done except for its reply, needs a reader for that.
  void postpone(TaskInFlight& task);

  // Whether the client takes its replies; otherwise a long reply is better made when there is room for it.
  bool takes_replies() const { return output_.size() + queue_.tail_bytes() < kSendAheadBytes; }
  // The bytes of replies, made or about to be.
  std::size_t waiting_bytes() const {
    return output_.size() + queue_.tail_bytes() + queue_.size() * TaskInFlight::kMemoryBytes;
  }
  // Whether these bytes are too many for another request to be looked at.
  bool are_too_many() const { return budget_.is_exceeded_by(waiting_bytes()); }
  // Has the server count these bytes. To be called at the end of each turn.
  void account() { budget_.account(waiting_bytes() + queue_.loading_bytes()); }
  // The session is closed, and has no replies any more.
  void close() { budget_.account(0); }

 private:
  // The maximum of reply bytes that are made ahead of what the client has taken, if they are made of values
  // that can be read later.
  static constexpr std::size_t kSendAheadBytes = 1024 * 1024;

  bool answer_front();
  void finish_front();
  void load_ahead();

  Session& session_;
  EventLoop& loop_;
  ServerState& server_;
  MemoryWaits& memory_;
  TaskQueue& queue_;
  protocol::ReplyBuffer& output_;
  ReplyBudget budget_;
  TaskInFlight* postponed_ = nullptr;  // the first task with Stage::kPostponed; null: none
};

}  // namespace minikv::server
