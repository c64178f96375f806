// The terminal's settings, whatever ends the program.
#pragma once

namespace minikv::client {

// A signal that ends or stops the program while the object lives finds the terminal as it was before; a
// program that goes on gets its own settings back.
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
