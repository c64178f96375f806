// The queue and its thread, which share a block that outlives the queue if a write to the descriptor hangs.
#include "server/log/log_queue.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <utility>

#include "engine/base/thread_annotations.h"

namespace minikv::server {
namespace {

using Clock = std::chrono::steady_clock;

// The maximum that a pipe takes in one piece (PIPE_BUF), so that lines of several programs do not run into
// each other.
constexpr std::size_t kPieceBytes = 4096;

// How many lines the newest queue has taken, and how many of them it has written or lost. The counters are
// apart from the queue so that a signal handler can read them.
std::atomic<std::uint64_t> pushed_lines{0};
std::atomic<std::uint64_t> settled_lines{0};

// False if the descriptor takes nothing (any more): a pipe without a reader, a full disk.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // another program has made it non-blocking
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

struct LogQueue::Shared {
  struct Line {
    std::string text;
    std::uint64_t lost_before = 0;
  };
  // Lines that are written at once.
  struct Piece {
    std::string text;
    std::uint64_t lines = 0;
    std::uint64_t notes_of = 0;  // how many lost lines the note in it reports
  };

  Shared(int descriptor, Note lost_note) : fd(descriptor), note(std::move(lost_note)) {}

  void run() MINIKV_EXCLUDES(mutex);
  bool end_thread() MINIKV_EXCLUDES(mutex);
  bool wait_for_lines() MINIKV_EXCLUDES(mutex);
  std::function<void()> take_call() MINIKV_EXCLUDES(mutex);
  Piece take_piece() MINIKV_EXCLUDES(mutex);
  void settle(const Piece& piece, bool is_written) MINIKV_EXCLUDES(mutex);

  const int fd;
  const Note note;

  mutable engine::Mutex mutex;
  engine::CondVar changed;
  std::deque<Line> lines MINIKV_GUARDED_BY(mutex);
  std::size_t bytes MINIKV_GUARDED_BY(mutex) = 0;
  std::uint64_t pushed MINIKV_GUARDED_BY(mutex) = 0;
  std::uint64_t settled MINIKV_GUARDED_BY(mutex) = 0;
  std::uint64_t lost MINIKV_GUARDED_BY(mutex) = 0;    // in all
  std::uint64_t untold MINIKV_GUARDED_BY(mutex) = 0;  // of them, not reported yet, behind all queued lines
  bool is_failing MINIKV_GUARDED_BY(mutex) = false;   // the last write failed
  Clock::time_point call_time MINIKV_GUARDED_BY(mutex) = Clock::time_point::max();
  std::function<void()> call MINIKV_GUARDED_BY(mutex);
  bool is_stuck MINIKV_GUARDED_BY(mutex) = false;  // a flush has given up
  bool is_ending MINIKV_GUARDED_BY(mutex) = false;
  bool has_ended MINIKV_GUARDED_BY(mutex) = false;
};

void LogQueue::Shared::run() {
  while (wait_for_lines()) {
    if (const auto due = take_call()) {
      due();
      continue;
    }
    const Piece piece = take_piece();
    settle(piece, write_all(fd, piece.text));
  }
  const engine::MutexLock lock(mutex);
  has_ended = true;
  changed.notify_all();
}

bool LogQueue::Shared::wait_for_lines() {
  const engine::MutexLock lock(mutex);
  // While writing fails, the note about lost lines waits for the next line: retrying the note alone would
  // have no end.
  const auto has_to_tell = [this]() MINIKV_REQUIRES(mutex) { return untold > 0 && !is_failing; };
  const auto has_to_call = [this]() MINIKV_REQUIRES(mutex) { return call && Clock::now() >= call_time; };
  while (lines.empty() && !has_to_tell() && !has_to_call() && !is_ending) {
    if (call) {
      changed.wait_until(mutex, call_time);
    } else {
      changed.wait(mutex);
    }
  }
  return !lines.empty() || has_to_tell() || (has_to_call() && !is_ending);
}

// Null if no call is due.
std::function<void()> LogQueue::Shared::take_call() {
  const engine::MutexLock lock(mutex);
  if (!call || is_ending || Clock::now() < call_time) return {};
  return std::exchange(call, {});
}

LogQueue::Shared::Piece LogQueue::Shared::take_piece() {
  const engine::MutexLock lock(mutex);
  Piece piece;
  if (lines.empty()) {
    piece.notes_of = std::exchange(untold, 0);
    piece.text = note(piece.notes_of);
    return piece;
  }
  while (!lines.empty() &&
         (piece.text.empty() || piece.text.size() + lines.front().text.size() <= kPieceBytes)) {
    Line& line = lines.front();
    if (line.lost_before > 0) {
      if (!piece.text.empty()) break;
      piece.notes_of = line.lost_before;
      piece.text = note(piece.notes_of);
    }
    piece.text += line.text;
    bytes -= line.text.size();
    ++piece.lines;
    lines.pop_front();
  }
  return piece;
}

void LogQueue::Shared::settle(const Piece& piece, bool is_written) {
  const engine::MutexLock lock(mutex);
  settled += piece.lines;
  settled_lines.store(settled, std::memory_order_relaxed);
  is_stuck = false;
  is_failing = !is_written;
  if (is_failing) {
    lost += piece.lines;
    (lines.empty() ? untold : lines.front().lost_before) += piece.lines + piece.notes_of;
  }
  changed.notify_all();
}

// False if the thread waits for the descriptor for longer than it may.
bool LogQueue::Shared::end_thread() {
  const engine::MutexLock lock(mutex);
  is_ending = true;
  changed.notify_all();
  const Clock::time_point deadline = Clock::now() + (is_stuck ? Clock::duration::zero() : kPatience);
  while (!has_ended && Clock::now() < deadline) changed.wait_until(mutex, deadline);
  return has_ended;
}

LogQueue::LogQueue(int fd, Note note) : shared_(std::make_shared<Shared>(fd, std::move(note))) {
  pushed_lines = settled_lines = 0;
  // The thread takes none of the signals that other threads wait for.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([shared = shared_] { shared->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogQueue::~LogQueue() {
  flush();
  if (shared_->end_thread()) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void LogQueue::push(std::string line) {
  Shared& shared = *shared_;
  {
    const engine::MutexLock lock(shared.mutex);
    if (!shared.lines.empty() && shared.bytes + line.size() > kMaxBytes) {
      ++shared.lost;
      ++shared.untold;
      return;
    }
    shared.bytes += line.size();
    shared.lines.push_back({std::move(line), std::exchange(shared.untold, 0)});
    pushed_lines.store(++shared.pushed, std::memory_order_relaxed);
  }
  shared.changed.notify_all();
}

void LogQueue::call_at(std::chrono::steady_clock::time_point time, std::function<void()> call) {
  {
    const engine::MutexLock lock(shared_->mutex);
    shared_->call_time = time;
    shared_->call = std::move(call);
  }
  shared_->changed.notify_all();
}

bool LogQueue::flush(std::chrono::milliseconds patience) {
  Shared& shared = *shared_;
  const Clock::time_point deadline = Clock::now() + patience;
  const engine::MutexLock lock(shared.mutex);
  const std::uint64_t wanted = shared.pushed;
  while (shared.settled < wanted && !shared.is_stuck && Clock::now() < deadline)
    shared.changed.wait_until(shared.mutex, deadline);
  if (shared.settled >= wanted) return true;
  shared.is_stuck = true;
  return false;
}

std::uint64_t LogQueue::lost() const {
  const engine::MutexLock lock(shared_->mutex);
  return shared_->lost;
}

void LogQueue::flush_before_death() {
  const std::uint64_t wanted = pushed_lines.load(std::memory_order_relaxed);
  for (int i = 0; i < 100 && settled_lines.load(std::memory_order_relaxed) < wanted; ++i)
    ::poll(nullptr, 0, 10);
}

}  // namespace minikv::server
