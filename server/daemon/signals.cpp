// Signals are blocked in all threads, and one thread waits for them.
#include "server/daemon/signals.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

namespace minikv::server {
namespace {

constexpr std::array kStopSignals = {SIGTERM, SIGINT, SIGQUIT, SIGPWR, SIGXCPU};
constexpr std::array kIgnoredSignals = {SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
                                        SIGIO,  SIGTSTP, SIGTTIN, SIGTTOU, SIGSTKFLT, SIGXFSZ};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kStopSignals) sigaddset(&set, number);
  for (const int number : kIgnoredSignals) sigaddset(&set, number);
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) sigaddset(&set, number);
  return set;
}

std::string signal_name(int number) {
  if (number >= SIGRTMIN) return fmt::format("SIGRTMIN+{}", number - SIGRTMIN);
  const char* abbreviation = sigabbrev_np(number);
  return abbreviation == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", abbreviation);
}

std::string_view why_ignored(int number) {
  switch (number) {
    case SIGHUP: return "there is nothing to reload";
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU: return "it would hold up every client (SIGSTOP does)";
    default: return "it means nothing to minikvd";
  }
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
    if (std::ranges::find(kStopSignals, number) != kStopSignals.end()) {
      on_stop_signal(signal_name(number));
    } else {
      logger_->info("{} ignored: {}", signal_name(number), why_ignored(number));
    }
  }
}

void SignalWatch::on_stop_signal(std::string_view name) {
  const engine::MutexLock lock(mutex_);
  switch (phase_) {
    case Phase::kOpening:
      logger_->info("{} while opening the store: stopped; the next start goes on from there", name);
      logger_->flush();
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
