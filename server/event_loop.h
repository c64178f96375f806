// One thread with its share of the connections.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include "engine/base/thread_annotations.h"
#include "protocol/errors.h"
#include "server/input_buffer.h"
#include "server/task.h"

namespace minikv::server {

class Session;
struct ServerState;

// Runs handlers, a bounded number of them, and then hands over to the store all that they gathered: one lock and at
// most one wake-up of the writer for all the writes of an iteration. The answers come back the same way: the writer
// collects those of a group, and posts to each loop once.
//
// Thread safety: run() on the thread that is the loop; io(), begin_stop(), collect..() and wake() from any; all else on
// the loop.
class EventLoop {
 public:
  explicit EventLoop(ServerState& server);
  ~EventLoop();

  // Until begin_stop() has been called, all connections are closed and all tasks are back.
  void run();
  void begin_stop();

  asio::io_context& io() { return io_; }
  ServerState& server() { return server_; }
  BlockPool& blocks() { return blocks_; }

  // A connection that was accepted and counted. With an error: one that was not counted; it is told that, and closed.
  void adopt(asio::ip::tcp::socket socket, const protocol::ErrorReply* error = nullptr);
  void remove(Session& session);
  bool is_stopping() const { return stopping_; }

  // Takes a task that goes to the store at the end of this iteration.
  void gather(Task& task);
  // Calls session.end_turn() at the end of this iteration, when all have had their turns: the replies to many clients leave
  // together, so that whoever serves many connections at the other end wakes up once for all of them.
  void end_turn_later(std::shared_ptr<Session> session) { ending_.push_back(std::move(session)); }
  // Has a reader do what the task needs the disk for.
  void send_to_reader(Task& task);
  // Calls session.room_again() when the store is not saturated any more.
  void wait_for_room(std::shared_ptr<Session> session);

  // A task of this loop is done.
  void collect(Task& task) MINIKV_EXCLUDES(mutex_);
  // The same for a task that no group's end announces.
  void collect_and_wake(Task& task) MINIKV_EXCLUDES(mutex_);
  // A group is done: if that concerns this loop, it is told.
  void wake() MINIKV_EXCLUDES(mutex_);

 private:
  void hand_over();
  void end_turns();
  void deliver() MINIKV_EXCLUDES(mutex_);
  void let_waiting_go_on() MINIKV_EXCLUDES(mutex_);
  void schedule_tick();
  void stop_now();

  ServerState& server_;
  BlockPool blocks_;  // before whatever may hold sessions
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::steady_timer tick_timer_{io_};
  asio::steady_timer stop_timer_{io_};

  std::unordered_map<Session*, std::shared_ptr<Session>> sessions_;
  std::vector<WriteTask*> gathered_;
  std::vector<std::shared_ptr<Session>> ending_, ending_now_;
  std::vector<std::shared_ptr<Session>> waiting_for_room_;
  std::size_t tasks_in_flight_ = 0;
  bool stopping_ = false;

  engine::Mutex mutex_;
  std::vector<Task*> collected_ MINIKV_GUARDED_BY(mutex_);
  bool delivery_posted_ MINIKV_GUARDED_BY(mutex_) = false;
  bool room_wanted_ MINIKV_GUARDED_BY(mutex_) = false;
};

}  // namespace minikv::server
