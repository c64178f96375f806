// Handlers of the signals that end or suspend the program, which put the settings back first.
#include "client/terminal_guard.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstddef>

namespace minikv::client {
namespace {

constexpr std::array kSignals = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

termios terminal_before{};
bool has_terminal = false;
std::array<struct sigaction, kSignals.size()> actions_before{};

void end(int signal) {
  if (has_terminal) tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
  raise(signal);  // which has its default action again, and comes when this has returned
}

void suspend(int /*signal*/) {
  termios now{};
  const bool is_known = has_terminal && tcgetattr(STDIN_FILENO, &now) == 0;
  if (is_known) tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
  raise(SIGSTOP);
  if (is_known) tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

}  // namespace

TerminalGuard::TerminalGuard() {
  has_terminal = tcgetattr(STDIN_FILENO, &terminal_before) == 0;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction ours{};
    sigemptyset(&ours.sa_mask);
    ours.sa_handler = kSignals[i] == SIGTSTP ? suspend : end;
    ours.sa_flags = kSignals[i] == SIGTSTP ? SA_RESTART : static_cast<int>(SA_RESETHAND);
    sigaction(kSignals[i], nullptr, &actions_before[i]);
    // A signal that is ignored (nohup) stays ignored.
    if (actions_before[i].sa_handler == SIG_DFL) sigaction(kSignals[i], &ours, nullptr);
  }
}

TerminalGuard::~TerminalGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &actions_before[i], nullptr);
}

}  // namespace minikv::client
