// A low priority for threads with background work.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

namespace minikv::engine {

// Lets threads that answer requests run before the calling thread. The thread can't raise its priority again
// without a privilege.
inline void lower_priority_of_this_thread() {
  constexpr int kNiceness = 10;
  // On Linux the niceness is the thread's own. A failure does not matter: the lower priority only improves
  // the latency of other threads.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
}

}  // namespace minikv::engine
