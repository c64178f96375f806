// The calls of the store to a task.
#include "server/request/task.h"

#include "server/request/watched_keys.h"

namespace minikv::server {

void Task::execute(Transaction& transaction) {
  assert(watched_ != nullptr);
  if (watched_->is_empty()) return perform(transaction);
  TouchingTransaction touching(transaction, *watched_);
  perform(touching);
}

void Task::done(const Status& status) {
  assert(sink_ != nullptr);
  status_ = status;
  if (!status) refused();
  sink_->task_is_done(*this);
}

}  // namespace minikv::server
