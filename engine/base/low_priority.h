// For threads whose work nobody waits for.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

namespace minikv::engine {

// From now on whoever waits for an answer goes before this thread. It can't be taken back without a
// privilege.
inline void lower_priority_of_this_thread() {
  constexpr int kNiceness = 10;
  // On Linux this is the thread's own. Without the right to it, it is not so important either.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
}

}  // namespace minikv::engine
