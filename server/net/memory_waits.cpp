// Waiting for memory in the loop's queue.
#include "server/net/memory_waits.h"

#include <cassert>
#include <utility>

#include "server/net/event_loop.h"
#include "server/net/session.h"

namespace minikv::server {

MemoryWaits::Taken MemoryWaits::take(For what, std::uint64_t bytes, std::uint64_t held) {
  return note(what, memory_.take(bytes, held));
}

MemoryWaits::Taken MemoryWaits::take_as_first(For what, std::uint64_t bytes) {
  return note(what, memory_.take_as_first(bytes));
}

MemoryWaits::Taken MemoryWaits::note(For what, Taken taken) {
  if (taken != Taken::kLater) return taken;
  set_waits_for(what, true);
  if (!std::exchange(is_queued_, true)) loop_.wait_for_memory(session_.shared_from_this());
  return taken;
}

bool MemoryWaits::may_begin_where_none_is_left() {
  if (memory_.try_take(1)) return true;
  // The session joins the queue, and may be the first in it. The new request asks again all the same, when
  // the loop says that there is memory.
  (void)memory_.take(1);
  (void)note(For::kRequests, Taken::kLater);
  return false;
}

bool MemoryWaits::begin_again() {
  assert(is_queued_);
  is_queued_ = false;
  const bool task_waited = waits_for(For::kTask);
  stop();
  return task_waited;
}

}  // namespace minikv::server
