#include "server/task.h"

#include "server/errors.h"
#include "server/event_loop.h"

namespace minikv::server {

void Task::done(const Status& status) {
  status_ = status;
  loop_->collect(*this);
}

void Task::answer(std::string& out) {
  protocol::ReplyEncoder reply(format_, out);
  if (status_) {
    encode(reply);
  } else {
    reply.error(error_from(status_));
  }
  out += tail_;
}

}  // namespace minikv::server
