// One client's connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/errors.h"
#include "protocol/reply_buffer.h"
#include "protocol/request.h"
#include "server/net/memory_waits.h"
#include "server/net/patience.h"
#include "server/net/request_reader.h"
#include "server/net/session_tasks.h"
#include "server/net/transport.h"
#include "server/net/worker_request.h"
#include "server/request/connection.h"

namespace minikv::server {

class EventLoop;
struct ServerState;

// Reads requests, has them carried out, and sends the replies in the order of the requests.
//
// A turn reads what has come, runs the requests in it, and writes the replies that are known at once. A
// command that needs the writer or the disk becomes a task, and is answered in a later turn, in the order of
// the requests (SessionTasks). A turn is bounded, so that one client cannot starve the others of its loop.
//
// The session does not read while it has too much with the writer, too many replies waiting, a request that
// has to wait for the ones before it, or a request for which there is no memory. Closing never loses a reply
// that is owed, unless the client has gone.
//
// Thread safety: used on the event loop that owns it only, but for is_gone(). The loop keeps the session
// alive while it is open, and so do its tasks and its work on a worker.
class Session final : public Connection, public std::enable_shared_from_this<Session> {
 public:
  using Clock = std::chrono::steady_clock;

  Session(EventLoop& loop, Socket socket, std::string address, std::uint64_t id);

  // ---- its life; start() or turn_away() is called once, before all else ----

  void start();
  // Instead of start(): tells the client why it may not stay, and closes.
  void turn_away(const protocol::ErrorReply& error);
  bool was_turned_away() const { return turned_away_; }
  bool is_open() const { return state_ != State::kClosed; }
  // Whether no reply can arrive any more. From any thread.
  bool is_gone() const { return client_.figures->is_gone.get(); }
  int socket() const { return transport_.fd(); }
  // Executes the requests that were read, answers those that have come since with SHUTDOWN, and closes.
  void begin_stop();
  // An allocation has failed while the session had its turn: closes the connection.
  void out_of_memory();
  // Called about once a second. `not_run`: time since the last call in which the loop did not run.
  void tick(Clock::time_point now, Clock::duration not_run);
  // Closes at once, whatever is owed. A second call does nothing.
  void close();

  // ---- what the loop has for it; nothing of it matters once the session is closed ----

  // The kernel reports an event of the socket, once. `events`: bits of epoll_event::events.
  void on_event(std::uint32_t events);
  // The task is back from the writer or a reader. take_turn() has to follow.
  void task_done(TaskInFlight& task) { tasks_.task_done(task); }
  // Whether this is the first call since take_turn().
  bool touch() { return !std::exchange(touched_, true); }
  // Runs what can be run. Replies leave when the loop calls end_turn(), or at once if they are long. An
  // event, a task, or go_on_now() starts the next turn.
  void take_turn();
  // Called once for each EventLoop::end_turn_later().
  void end_turn();
  // Starts the next turn of a session that had more to do than one turn allows, or that wants input again
  // which has come meanwhile. Called once for each EventLoop::go_on_later().
  void go_on_now();
  // There is room in the store's queue again. Called once for each EventLoop::wait_for_room().
  void room_again();
  // There is memory for clients again, perhaps for this one. Called once for each
  // EventLoop::wait_for_memory().
  void memory_again();

  // ---- Connection ----

  ClientState& client() override { return client_; }
  bool has_writes_in_flight() const override { return tasks_.has_writes(); }
  bool is_quiet() const override { return tasks_.is_quiet(); }
  void submit(std::unique_ptr<Task> task) override { tasks_.submit(std::move(task)); }
  std::vector<Block> take_blocks() override { return requests_.take_blocks(); }
  void execute(std::unique_ptr<BatchTask> batch) override { tasks_.execute(std::move(batch)); }
  void look_up(std::unique_ptr<Task> task) override { tasks_.look_up(std::move(task)); }
  void load(std::unique_ptr<Task> task) override { tasks_.load(std::move(task)); }
  bool takes_replies() const override { return tasks_.takes_replies(); }
  bool reserve(std::uint64_t bytes) override { return memory_.try_take(bytes); }
  void defer() override;
  using Connection::run_in_slices;
  void run_in_slices(AsideSlice slice, HowLong how_long) override;
  void hold_requests() override { tasks_.hold_requests(); }
  void set_authenticated(bool is_authenticated) override;
  void close_when_answered() override;

 private:
  // A state leads to later ones only.
  enum class State : std::uint8_t {
    kNew,
    kOpen,
    kDraining,  // no further request; closes when all replies are sent
    // has ended its stream, and waits for the client to close: closing first could lose the last replies
    kLingering,
    kClosed,
  };
  void enter(State next);

  // session_requests.cpp
  bool is_held_back() const;
  bool may_run() const;
  bool wants_input() const;
  void on_readable();
  bool receive();
  bool has_memory_to_read();
  void give_up_request(std::string_view why);  // for lack of memory
  void give_up_request(const protocol::ErrorReply& error);
  void run_requests();
  void run(const protocol::Request& request);
  void dispatch_or_refuse(const protocol::Request& request, protocol::ReplyBuffer& target);
  void note_slow_request(std::size_t size_before, const protocol::ReplyBuffer& target);
  void refuse(protocol::Dialect dialect, const protocol::ErrorReply& error);
  void worker_is_done(protocol::ReplyBuffer&& reply, Clock::duration took, const RequestSummary& summary);

  // session.cpp
  void flush();
  void finish_turn();
  void go_on();
  void go_on_later();
  void say_goodbye();
  void discard_input();
  void settle_memory();
  std::uint64_t held_bytes() const;
  void give_up_what_has_no_room();
  void publish_figures();
  bool is_idle(Clock::time_point now) const;
  bool is_in_its_own_way() const;
  bool is_half_read() const;
  bool is_stalled(Clock::time_point now);
  bool is_in_the_way_of_others(Clock::time_point now) const;
  void close_idle();
  void close_stalled();

  EventLoop& loop_;
  ServerState& server_;
  ClientState client_;
  Transport transport_;
  RequestReader requests_;
  MemoryWaits memory_;
  SessionTasks tasks_;
  WorkerRequest worker_;
  Patience patience_;

  State state_ = State::kNew;
  bool turned_away_ = false;
  bool stopping_ = false;
  bool refusing_ = false;         // answers every request with SHUTDOWN
  bool touched_ = false;          // a task has come back since the last turn
  bool goes_on_later_ = false;    // the loop will call go_on_now()
  bool turn_ends_later_ = false;  // the loop will call end_turn()
};

}  // namespace minikv::server
