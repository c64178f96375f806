// SIGTERM, SIGINT and SIGHUP, turned into something that can be waited for.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include <spdlog/logger.h>

#include "engine/base/thread_annotations.h"

namespace minikv::server {

// Owns the signals for as long as it lives:
//   SIGTERM, SIGINT   while the store is being opened: the process ends at once with exit code 0, which is
//   safe at any
//                     time; later: wait() returns. Once it has, further ones are logged and ignored, because
//                     what they ask for is under way.
//   SIGHUP            logged and ignored: there is no log file to open anew and no setting that changes at
//   run time.
//
// The signals are taken by a thread that waits for them, not by a handler, so that it may log and lock.
//
// Thread safety: one thread constructs, calls and destroys. To be made before any other thread is started:
// threads inherit that these signals are blocked.
class SignalWatch {
 public:
  explicit SignalWatch(std::shared_ptr<spdlog::logger> logger);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // The store is open: from now on it has to be closed with care.
  void store_is_open();
  // Until the first SIGTERM or SIGINT since store_is_open().
  void wait();

 private:
  enum class Phase { kOpening, kServing, kStopping };

  void run();
  void on_stop_signal(const char* name);

  std::shared_ptr<spdlog::logger> logger_;
  engine::Mutex mutex_;
  engine::CondVar stop_asked_;
  Phase phase_ MINIKV_GUARDED_BY(mutex_) = Phase::kOpening;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace minikv::server
