// Lines on their way to a file descriptor that may be slow, or may have no reader.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace minikv::server {

// A thread of its own writes the lines: a write to a full pipe, a stopped terminal or a hanging disk may wait
// without bound, but the event loops, the writer and the keeper must not. The descriptor is shared with other
// programs, so it can't be made non-blocking. Lines that do not fit into the queue are dropped and counted,
// and a note in their place says how many.
//
// Thread safety: all members may be called from any thread, but the destructor.
class LogQueue {
 public:
  // The text in place of `lines` lost lines, with its line end.
  using Note = std::function<std::string(std::uint64_t lines)>;

  // The descriptor is not closed.
  LogQueue(int fd, Note note);
  // Calls flush(kPatience). If the thread still waits for the descriptor then, the destructor leaves it
  // behind, with the lines that it has.
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  // Takes a line with its line end. Never waits.
  void push(std::string line);
  // The queue's thread makes this call at about `time`, or once it no longer waits for the descriptor. A
  // further call_at() replaces a call that has not been made yet.
  void call_at(std::chrono::steady_clock::time_point time, std::function<void()> call);
  // Waits until all lines pushed so far have been written or are lost; false if that takes longer than
  // `patience`. After such a failure, flush() returns false at once until the descriptor takes something
  // again.
  bool flush(std::chrono::milliseconds patience = kPatience);
  // How many lines have not been written and never will be.
  std::uint64_t lost() const;

  // For a handler of signals that end the process: as flush() of the newest queue, but for a second at most,
  // and with async-signal-safe means only. If the dying thread holds the queue's lock, the call takes that
  // second.
  static void flush_before_death();

  static constexpr std::chrono::milliseconds kPatience{2'000};
  static constexpr std::size_t kMaxBytes = 1024 * 1024;

 private:
  struct Shared;

  std::shared_ptr<Shared> shared_;  // also held by the thread, which may be left behind
  std::thread thread_;
};

}  // namespace minikv::server
