// Signals, turned into something that can be waited for.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <thread>

#include <spdlog/logger.h>

#include "engine/base/thread_annotations.h"

namespace minikv::server {

// Owns, for as long as it lives, all signals that would end or stop the process and that it can do something
// about:
//
//   SIGTERM, SIGINT, SIGQUIT   the process is to stop; SIGPWR: the power goes; SIGXCPU: the processor time is
//                              used up, and SIGKILL comes next. While the store is being opened the process
//                              ends at once with exit code 0, which is safe at any time. Later wait()
//                              returns. Further ones are logged and ignored, because what they ask for is
//                              under way.
//   all others                 SIGHUP, SIGUSR1, SIGUSR2, timers, SIGIO, SIGTSTP, SIGTTIN, SIGTTOU, SIGSTKFLT,
//                              SIGXFSZ, those for real time: logged and ignored. None of them means anything
//                              to minikvd, and each would end it with the store open, or hold up its clients.
//
// Signals of a crash (SIGSEGV and so on) are left alone, and so are those that the system ignores by itself.
//
// The signals are taken by a thread that waits for them, not by a handler, so that it may log and lock.
//
// Thread safety: one thread constructs, calls and destroys. To be made before any other thread that does not
// block these signals itself, because threads inherit which signals are blocked.
class SignalWatch {
 public:
  explicit SignalWatch(std::shared_ptr<spdlog::logger> logger);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // The store is open: from then on it has to be closed with care.
  void store_is_open();
  // Waits until the first signal to stop since store_is_open().
  void wait();

 private:
  enum class Phase { kOpening, kServing, kStopping };

  void run();
  void on_stop_signal(std::string_view name);

  std::shared_ptr<spdlog::logger> logger_;
  engine::Mutex mutex_;
  engine::CondVar stop_asked_;
  Phase phase_ MINIKV_GUARDED_BY(mutex_) = Phase::kOpening;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace minikv::server
