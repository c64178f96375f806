#include "server/daemon_signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace minikv::server {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

SignalWatch::SignalWatch(std::shared_ptr<spdlog::logger> logger) : logger_(std::move(logger)) {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { run(); });
}

SignalWatch::~SignalWatch() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);  // to this thread alone: it wakes up and sees `ending_`
  thread_.join();
}

void SignalWatch::store_is_open() {
  const engine::MutexLock lock(mutex_);
  phase_ = Phase::kServing;
}

void SignalWatch::wait() {
  const engine::MutexLock lock(mutex_);
  while (phase_ != Phase::kStopping) stop_asked_.wait(mutex_);
}

void SignalWatch::run() {
  const sigset_t set = watched_signals();
  while (true) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (ending_) return;
    if (number == SIGHUP) {
      logger_->info("SIGHUP ignored: there is nothing to reload");
    } else {
      on_stop_signal(number == SIGTERM ? "SIGTERM" : "SIGINT");
    }
  }
}

void SignalWatch::on_stop_signal(const char* name) {
  const engine::MutexLock lock(mutex_);
  switch (phase_) {
    case Phase::kOpening:
      logger_->info("{} while opening the store: stopped; the next start goes on from there", name);
      _exit(0);
    case Phase::kServing:
      logger_->info("{}: stopping", name);
      phase_ = Phase::kStopping;
      stop_asked_.notify_one();
      return;
    case Phase::kStopping: logger_->info("{} ignored: already stopping", name); return;
  }
}

}  // namespace minikv::server
