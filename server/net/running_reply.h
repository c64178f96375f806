// Where the reply of the request that runs goes.
#pragma once

#include <cassert>

#include "protocol/reply_buffer.h"
#include "protocol/reply_encoder.h"
#include "server/net/task_queue.h"

namespace minikv::server {

// The reply goes to the client, or, while requests before it are not answered, behind the reply of the newest
// task. A task that the request itself submits takes its place behind that.
//
// Thread safety: used on the event loop of its session.
class RunningReply {
 public:
  // A request begins to run. Its replies are in `format`, and not wanted if `is_silent`. begin() has to
  // follow.
  void set_request(protocol::ReplyFormat format, bool is_silent) {
    assert(target_ == nullptr);
    format_ = format;
    is_silent_ = is_silent;
  }
  // Of the request that was run last.
  protocol::ReplyFormat format() const { return format_; }
  bool is_silent() const { return is_silent_; }

  // Returns where to write the reply, until end() is called. `output`: the replies that go to the client.
  protocol::ReplyBuffer& begin(TaskQueue& tasks, protocol::ReplyBuffer& output) {
    assert(target_ == nullptr && behind_task_.empty());
    last_ = tasks.empty() ? nullptr : &tasks.back();
    target_ = last_ == nullptr ? &output : &behind_task_;
    before_ = target_->mark();
    return *target_;
  }
  // The same, between begin() and end().
  protocol::ReplyBuffer& target() const {
    assert(target_ != nullptr);
    return *target_;
  }
  const protocol::ReplyBuffer::Mark& before() const { return before_; }
  // Puts the reply into its place, and returns whether it is an error.
  bool end(TaskQueue& tasks) {
    const bool is_error = target().first_since(before_) == '-';
    target_ = nullptr;
    if (!behind_task_.empty()) tasks.append_to_tail(*last_, behind_task_);
    return is_error;
  }

 private:
  protocol::ReplyFormat format_ = protocol::ReplyFormat::kText;
  bool is_silent_ = false;
  protocol::ReplyBuffer behind_task_;
  protocol::ReplyBuffer* target_ = nullptr;  // `output` or behind_task_; null: no request runs
  protocol::ReplyBuffer::Mark before_;       // in the target
  TaskInFlight* last_ = nullptr;             // the newest task when the request began
};

}  // namespace minikv::server
