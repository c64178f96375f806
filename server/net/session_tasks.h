// What the writer and the readers do for one session, and how it is answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "minikv/status.h"
#include "protocol/reply_buffer.h"
#include "protocol/reply_encoder.h"
#include "protocol/request.h"
#include "server/net/memory_waits.h"
#include "server/net/running_reply.h"
#include "server/net/task_answers.h"
#include "server/net/task_queue.h"
#include "server/request/connection.h"
#include "server/request/state.h"

namespace minikv::server {

class EventLoop;
class Session;

// Takes the tasks that the session's requests submit, has them prepared, executed and loaded, and answers
// them in the order of the requests. A reply that is known at once but belongs behind a task waits in that
// task's tail.
//
// A task's stages:
//
//   submit()   [kWaiting, for memory]  [kPreparing, by a reader]  kWithWriter  kDone
//   look_up()  [kWaiting, for memory]   kPreparing, by a reader                kDone
//   load()                                                                     kDone
//
// From kDone, for as often as its reply needs the disk, a task goes on to kPostponed, kLoading, kLoaded and
// back to kDone.
//
// Thread safety: used on the event loop of the session.
class SessionTasks {
 public:
  // `request`: the request that runs, or has run last. `output`: the replies that go to the client. All must
  // outlive this object.
  SessionTasks(Session& session, EventLoop& loop, MemoryWaits& memory, const protocol::Request& request,
               protocol::ReplyBuffer& output);

  // ---- the request that runs ----

  // Begins a request, and returns where to write what is answered at once. end_reply() has to follow.
  protocol::ReplyBuffer& begin_request(protocol::ReplyFormat format, bool is_silent) {
    reply_.set_request(format, is_silent);
    return begin_reply();
  }
  // The same for a reply without a request, or to a request that has run on a worker.
  protocol::ReplyBuffer& begin_reply() { return reply_.begin(queue_, output_); }
  void end_reply() {
    if (reply_.end(queue_)) server_.counters.errors.add();
  }
  // Where the reply begins. To be called between begin_reply() and end_reply().
  const protocol::ReplyBuffer::Mark& before_reply() const { return reply_.before(); }
  // Of the request that runs, or has run last.
  protocol::ReplyFormat format() const { return reply_.format(); }
  bool is_silent() const { return reply_.is_silent(); }

  // ---- for Connection, whose contracts hold; while a request runs ----

  bool is_quiet() const { return queue_.empty() && !has_batch(); }
  bool has_batch() const { return batch_ != nullptr; }
  bool has_writes() const { return queue_.writes() > 0; }
  bool takes_replies() const { return answers_.takes_replies(); }
  void submit(std::unique_ptr<Task> task);
  void look_up(std::unique_ptr<Task> task);
  void load(std::unique_ptr<Task> task);
  void execute(std::unique_ptr<BatchTask> batch);
  void hold_requests();

  // ---- turns ----

  // Answers what can be answered, and builds some more of a batch. To be called while !is_quiet() only.
  void take_turn();
  // Whether take_turn() has something to do.
  bool wants_turn() const { return has_batch() || answers_.can_answer(); }
  // Whether no further request may run, or be read, for now.
  bool holds_back() const {
    return waiting_for_room_ || preparing_ || has_batch() || holding_requests_ || has_all_it_may() ||
           has_too_many_replies();
  }
  // Whether the session has the maximum with the writer.
  bool has_all_it_may() const {
    return queue_.writes() >= server_.options.max_in_flight_requests ||
           queue_.write_bytes() >= server_.options.max_in_flight_bytes;
  }
  bool has_too_many_replies() const { return answers_.are_too_many(); }

  // The task is back from the writer or a reader.
  void task_done(TaskInFlight& task);
  // There is room in the store's queue again.
  void room_again() { waiting_for_room_ = false; }
  // There is memory again for a task that waits for some.
  void memory_again();
  // A task that waits for memory is answered with `why`, as it has waited too long.
  void refuse_what_waits(const Status& why);
  // The session is closed, and has no more turns. Tasks that are with the writer or a reader still come back.
  void close();

  // ---- what it comes to ----

  std::size_t size() const { return queue_.size(); }
  std::size_t bytes() const { return queue_.bytes(); }
  std::size_t tail_bytes() const { return queue_.tail_bytes(); }
  // The bytes of replies, made or about to be.
  std::size_t replies_waiting_bytes() const { return answers_.waiting_bytes(); }
  // Has the server count these bytes. To be called at the end of each turn.
  void account_replies() { answers_.account(); }
  // The memory that is held, without the output, in bytes.
  std::uint64_t memory() const {
    return queue_.tail_bytes() + queue_.bytes() + queue_.size() * TaskInFlight::kMemoryBytes +
           queue_.held_bytes() + (batch_ ? batch_->overhead_bytes() : 0);
  }

 private:
  using Stage = TaskInFlight::Stage;

  TaskInFlight& adopt(std::unique_ptr<Task> task);
  void build_batch();
  void prepare_or_hand_over(TaskInFlight& task);
  void hand_to_writer(TaskInFlight& task);
  bool waits_for_memory() const { return !queue_.empty() && queue_.back().stage == Stage::kWaiting; }

  Session& session_;
  EventLoop& loop_;
  ServerState& server_;
  MemoryWaits& memory_;
  const protocol::Request& request_;
  protocol::ReplyBuffer& output_;
  RunningReply reply_;
  TaskQueue queue_;  // not answered yet
  TaskAnswers answers_;
  std::unique_ptr<BatchTask> batch_;  // which is being built
  bool preparing_ = false;            // the newest task waits for a reader before it may go to the writer
  bool holding_requests_ = false;     // behind the newest task, until it is answered
  bool waiting_for_room_ = false;     // in the store's queue
};

}  // namespace minikv::server
