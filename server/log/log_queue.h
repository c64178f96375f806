// Lines on their way to a file descriptor that may be slow, or that nobody reads.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace minikv::server {

// Why a thread: writing to a pipe that is full, to a terminal that is stopped or to a disk that hangs waits
// for as long as that lasts, and those who log are the event loops, the writer and the keeper. The descriptor
// is shared with other programs, so it can't be made one that does not wait. What does not fit into the queue
// any more is dropped and counted, and a line in its place says how much that was.
//
// Thread safety: all members may be called from any thread, but the destructor.
class LogQueue {
 public:
  // What stands in place of that many lines; with its line end.
  using Note = std::function<std::string(std::uint64_t lines)>;

  // The descriptor is not closed.
  LogQueue(int fd, Note note);
  // flush(kPatience). A thread that waits for the descriptor even then is left to itself, with what it has.
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  // Takes a line with its line end. Never waits.
  void push(std::string line);
  // Has the queue's thread make this call at about that time, when it is not waiting for the descriptor. The
  // last call that was asked for is the one that is made.
  void call_at(std::chrono::steady_clock::time_point time, std::function<void()> call);
  // Until all that was pushed so far has been written or is lost; false if that takes longer, and at once
  // until the descriptor takes something again.
  bool flush(std::chrono::milliseconds patience = kPatience);
  // How many lines have not been written and never will be.
  std::uint64_t lost() const;

  // For a handler of signals that end the process: as flush() for all queues there are, but for the last
  // second only, and with nothing that a handler may not do. A queue whose lock the dying thread holds costs
  // that second.
  static void flush_before_death();

  static constexpr std::chrono::milliseconds kPatience{2'000};
  static constexpr std::size_t kMaxBytes = 1024 * 1024;

 private:
  struct Shared;

  std::shared_ptr<Shared> shared_;  // the thread's too, which may be left behind
  std::thread thread_;
};

}  // namespace minikv::server
