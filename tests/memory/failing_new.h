// Allocations that fail when a test says so. Only in this test program: its operator new is another one.
#pragma once

#include <cstdint>

namespace minikv::test {

// Allocations by operator new, of threads that are not exempt. Those of a test's own are, but while it is in
// a call that it examines (InCall); the threads of what it examines are not.
//
// Thread safety: all members may be called from any thread.
class FailingNew {
 public:
  // The `n`-th allocation from now on fails, and so do `more` after it. 1 is the next.
  static void fail_at(std::uint64_t n, std::uint64_t more = 0);
  // One in `n` fails, by chance.
  static void fail_one_in(std::uint64_t n);
  static void stop_failing();
  // How many have been asked for since.
  static std::uint64_t asked();
  static std::uint64_t failed();

  // Makes the thread's allocations count for as long as it lives.
  class InCall {
   public:
    InCall();
    ~InCall();
    InCall(const InCall&) = delete;
    InCall& operator=(const InCall&) = delete;
  };
  // The opposite, for a test's own functions that are called by what it examines.
  class NotInCall {
   public:
    NotInCall();
    ~NotInCall();
    NotInCall(const NotInCall&) = delete;
    NotInCall& operator=(const NotInCall&) = delete;

   private:
    bool before_;
  };
  // To be called by each thread of the test.
  static void exempt_this_thread();
};

}  // namespace minikv::test
