// One thread with its share of the connections.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "protocol/errors.h"
#include "server/net/byte_budget.h"
#include "server/net/lap_clock.h"
#include "server/net/loop_mailbox.h"
#include "server/net/poller.h"
#include "server/net/request_input.h"
#include "server/net/socket.h"
#include "server/net/task_in_flight.h"

namespace minikv::server {

class Session;
struct ServerState;

// An iteration waits, gives sessions their turns, and takes the answers and functions that other threads have
// posted. Turns go to sessions with more to do than one turn allows, and to sessions with events from the
// kernel, a bounded number of each. Then the loop hands all gathered tasks to the store: one lock and at most
// one wake-up of the writer for all writes of an iteration. The answers come back the same way: the writer
// collects those of a group, and wakes each loop once, by a system call only if it sleeps.
//
// Thread safety: open() before the others; run() on the thread that is the loop; post(), begin_stop(),
// mailbox() from any; all else on the loop.
class EventLoop {
 public:
  explicit EventLoop(ServerState& server);
  ~EventLoop();

  // kIoError, if the system has no more descriptors.
  Status open() { return poller_.open(); }
  // To be called once. Returns when begin_stop() has been called, all connections are closed, and all tasks
  // are back.
  void run();
  void begin_stop();
  // See LoopMailbox::post().
  void post(std::function<void()>&& function) { mailbox_.post(std::move(function)); }
  LoopMailbox& mailbox() { return mailbox_; }

  ServerState& server() { return server_; }
  LapClock& laps() { return laps_; }
  BlockPool& blocks() { return blocks_; }
  TaskPool& task_pool() { return task_pool_; }
  ByteBudget& budget() { return budget_; }

  // Takes an accepted connection, which is counted in Counters::clients. With an error, it is counted in
  // turned_away instead, is told the error, and is closed.
  void adopt(Socket socket, std::string address, const protocol::ErrorReply* error = nullptr);
  // To be called before its socket is closed. The session lives on until the end of the iteration at least:
  // an event for it may still be pending.
  void remove(Session& session);

  // Takes a task that goes to the writer at the end of this iteration. It comes back to `session` by
  // task_done(), and keeps the session alive until then. Throws std::bad_alloc; the task is then as it was.
  void gather(TaskInFlight& one, std::shared_ptr<Session> session);
  // Calls session.end_turn() at the end of this iteration, when all sessions have had their turns. The
  // replies to many clients then leave together, so that a process with many connections at the other end
  // wakes up once for all of them.
  void end_turn_later(std::shared_ptr<Session> session) { ending_.push_back(std::move(session)); }
  // Calls session.go_on_now() in the next iteration, or in a later one if many sessions want that.
  void go_on_later(std::shared_ptr<Session> session) { going_on_.push_back(std::move(session)); }
  // Has a reader do what the task needs the disk for; `stage` says what that is. Otherwise as gather().
  void send_to_reader(TaskInFlight& one, TaskInFlight::Stage stage, std::shared_ptr<Session> session);
  // Calls session.room_again() when the store is not saturated any more.
  void wait_for_room(std::shared_ptr<Session> session);

  // Calls session.memory_again() when there is memory for clients again.
  void wait_for_memory(std::shared_ptr<Session> session) {
    waiting_for_memory_.push_back(std::move(session));
  }

 private:
  using Clock = std::chrono::steady_clock;

  void read_mail();
  void deliver();
  void let_sessions_go_on();
  void let_waiting_go_on();
  void let_those_without_memory_go_on();
  void hand_over();
  void end_turns();
  void on_timer(Clock::time_point now);
  void forgive(Clock::duration not_run, Clock::time_point now);
  void stop_now();
  std::vector<std::shared_ptr<Session>> open_sessions() const;
  // To be called once run() has begun.
  bool is_on_loop() const { return std::this_thread::get_id() == thread_; }

  ServerState& server_;
  BlockPool blocks_;  // before the members that may hold sessions
  TaskPool task_pool_{*this};
  ByteBudget budget_;
  std::thread::id thread_;  // the thread of the loop
  Poller poller_;
  LoopMailbox mailbox_{poller_};
  Clock::time_point timer_at_{};  // the next tick; when stopping, the end of patience
  Clock::duration not_run_{};     // how long the loop has not run, since the last tick
  LapClock laps_;

  std::unordered_map<Session*, std::shared_ptr<Session>> sessions_;
  std::vector<std::shared_ptr<Session>> removed_;  // in this iteration
  std::vector<WriteTask*> gathered_;
  std::vector<std::shared_ptr<Session>> ending_, ending_now_;
  std::deque<std::shared_ptr<Session>> going_on_;
  std::vector<std::shared_ptr<Session>> waiting_for_room_;
  std::deque<std::shared_ptr<Session>> waiting_for_memory_;
  TaskMail delivered_;
  std::vector<std::shared_ptr<Session>> touched_;  // by the tasks that are being delivered
  std::size_t tasks_in_flight_ = 0;
  bool stopping_ = false;
};

}  // namespace minikv::server
