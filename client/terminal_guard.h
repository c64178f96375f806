// Restores the terminal's settings, however the program ends.
#pragma once

namespace minikv::client {

// A signal that ends or stops the program while the object lives first restores the terminal's earlier
// settings. A program that goes on gets its own settings back.
//
// Thread safety: one object at a time, in a program with one thread.
class TerminalGuard {
 public:
  TerminalGuard();
  ~TerminalGuard();
  TerminalGuard(const TerminalGuard&) = delete;
  TerminalGuard& operator=(const TerminalGuard&) = delete;
};

}  // namespace minikv::client
