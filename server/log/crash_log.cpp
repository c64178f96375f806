// Writes one line about a crash. The signal handler allocates no memory, takes no lock, and waits for nothing
// without a bound.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "server/log/log.h"
#include "server/log/log_queue.h"

namespace minikv::server {
namespace {

struct Crash {
  int signal;
  std::string_view name;
};
constexpr std::array kCrashes = {
    Crash{SIGSEGV, "SIGSEGV"}, Crash{SIGBUS, "SIGBUS"},   Crash{SIGFPE, "SIGFPE"}, Crash{SIGILL, "SIGILL"},
    Crash{SIGABRT, "SIGABRT"}, Crash{SIGTRAP, "SIGTRAP"}, Crash{SIGSYS, "SIGSYS"}};

std::atomic<bool> is_crashing{false};
bool is_for_journal = false;

class FixedText {
 public:
  void add(std::string_view text) {
    const std::size_t size = std::min(text.size(), bytes_.size() - used_);
    std::memcpy(bytes_.data() + used_, text.data(), size);
    used_ += size;
  }
  void add_number(std::uint64_t number, unsigned base) {
    std::array<char, 20> digits{};
    std::size_t at = digits.size();
    do digits[--at] = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    add({digits.data() + at, digits.size() - at});
  }
  std::string_view text() const { return {bytes_.data(), used_}; }

 private:
  std::array<char, 256> bytes_{};
  std::size_t used_ = 0;
};

std::string_view crash_name(int signal) {
  for (const Crash& crash : kCrashes) {
    if (crash.signal == signal) return crash.name;
  }
  return "a signal";
}

// Whether the thread caused the signal itself, at an address.
bool is_fault(int signal, const siginfo_t& info) {
  return info.si_code > 0 && (signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL);
}

void tell(int signal, const siginfo_t& info) {
  FixedText line;
  line.add(is_for_journal ? "<2>minikvd: ended by " : "minikvd: ended by ");
  line.add(crash_name(signal));
  if (info.si_code <= 0 && info.si_pid != ::getpid()) {
    line.add(" from process ");
    line.add_number(static_cast<std::uint64_t>(info.si_pid), 10);
  } else if (is_fault(signal, info)) {
    line.add(" at address 0x");
    line.add_number(reinterpret_cast<std::uintptr_t>(info.si_addr), 16);
  }
  line.add(", a crash; the next start recovers the store\n");
  pollfd ready{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.text().data(), line.text().size());
}

void on_crash(int signal, siginfo_t* info, void* /*context*/) {
  // Another thread that crashes meanwhile waits, so that the first one's line is written.
  if (is_crashing.exchange(true)) {
    ::poll(nullptr, 0, 2'000);
  } else {
    LogQueue::flush_before_death();
    tell(signal, *info);
  }
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, nullptr);
  // The signal is delivered when this handler returns. A fault needs no signal: its instruction runs again,
  // and the core dump shows it.
  if (!is_fault(signal, *info)) raise(signal);
}

}  // namespace

void log_crashes() {
  is_for_journal = stderr_is_journal();
  for (const Crash& crash : kCrashes) {
    struct sigaction before{};
    if (sigaction(crash.signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    struct sigaction ours{};
    ours.sa_sigaction = on_crash;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    sigaction(crash.signal, &ours, nullptr);
  }
}

}  // namespace minikv::server
