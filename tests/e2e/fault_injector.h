// System calls of a running process that fail as they are told to.
#pragma once

#include <sys/types.h>

#include <string>

namespace minikv::test {

// strace attached to all threads of a process, for as long as it lives.
//
// Thread safety: one thread.
class FaultInjector {
 public:
  // Why there is no such thing here, or nothing.
  static std::string why_not();

  // `what` is as strace's inject= takes it, "fdatasync:error=EIO:when=3", or several of these with semicolons
  // between them. Each thread counts by itself, and each call. Returns when it is at work; throws
  // std::runtime_error if strace ends before that.
  FaultInjector(pid_t process, const std::string& what);
  ~FaultInjector() { stop(); }
  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;

  // From now on calls do as they always did.
  void stop();
  // How many calls it made fail, that strace noted; after stop().
  unsigned injected() const { return injected_; }

 private:
  bool is_attached() const;

  pid_t process_;
  pid_t strace_ = -1;
  std::string output_;
  unsigned injected_ = 0;
};

}  // namespace minikv::test
