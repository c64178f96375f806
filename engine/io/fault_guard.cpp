// The handler of SIGBUS, and the one copy that it may interrupt.
#include "engine/io/fault_guard.h"

#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <mutex>

namespace minikv::engine {
namespace {

constexpr std::uintptr_t kPageMask = 4096 - 1;  // the smallest pages there are

// The copy that this thread is in the middle of. Only that thread writes and reads it; the signal handler
// does the reading.
struct Copy {
  std::atomic<bool> under_way{false};
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  sigjmp_buf way_out{};
};

// initial-exec: the signal handler must never allocate the thread's copy_under_way.
__attribute__((tls_model("initial-exec"))) thread_local Copy copy_under_way;

struct sigaction previous_action;

bool is_ours(const siginfo_t& info) {
  if (!copy_under_way.under_way.load(std::memory_order_relaxed)) return false;
  std::atomic_signal_fence(std::memory_order_acquire);
  const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
  return address >= (copy_under_way.begin & ~kPageMask) &&
         address < copy_under_way.end;  // a memory error names only its page
}

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0)
    return previous_action.sa_sigaction(signal, info, context);
  const bool from_kernel = info->si_code > 0;
  if (previous_action.sa_handler == SIG_IGN && !from_kernel) return;
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    return previous_action.sa_handler(signal);
  }
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGBUS, &standard, nullptr);
  // The signal is delivered when this handler returns. A fault needs none: its instruction runs again, and
  // the core shows it.
  if (!from_kernel) raise(SIGBUS);
}

void on_sigbus(int signal, siginfo_t* info, void* context) {
  if (!is_ours(*info)) return pass_on(signal, info, context);
  copy_under_way.under_way.store(false, std::memory_order_relaxed);
  // The handler restores the mask by a system call here, so that a copy without a fault needs none to save
  // it.
  pthread_sigmask(SIG_SETMASK, &static_cast<ucontext_t*>(context)->uc_sigmask, nullptr);
  siglongjmp(copy_under_way.way_out, 1);
}

}  // namespace

void install_fault_guard() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction ours{};
    ours.sa_sigaction = on_sigbus;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    // The old action must be in place before ours can be called.
    sigaction(SIGBUS, nullptr, &previous_action);
    sigaction(SIGBUS, &ours, nullptr);
  });
}

__attribute__((noinline)) bool copy_from_mapped(char* to, const char* from, std::size_t length) {
  copy_under_way.begin = reinterpret_cast<std::uintptr_t>(from);
  copy_under_way.end = copy_under_way.begin + length;
  if (sigsetjmp(copy_under_way.way_out, 0) != 0) return false;
  copy_under_way.under_way.store(true, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(to, from, length);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  copy_under_way.under_way.store(false, std::memory_order_relaxed);
  return true;
}

}  // namespace minikv::engine
