// One client's connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/parser.h"
#include "server/connection.h"
#include "server/input_buffer.h"
#include "server/output_buffer.h"
#include "server/socket.h"

namespace minikv::server {

class EventLoop;
struct ServerState;

// Reads requests, has them carried out, and sends the replies in the order of the requests.
//
// A turn is: read what has come, run the requests in it, write all that there is to answer at once. Whatever needs the
// writer or the disk becomes a task and is answered in a later turn, in the order of the requests; a reply that is known
// at once but belongs behind such a one waits in the newest task (Task::tail_). A turn is bounded, so that one client cannot starve the others of its loop.
//
// Not read from is a connection that has too much with the writer, too many replies waiting, or a request that has to
// wait for the ones before it. Closing never loses a reply that is owed, unless the client has gone.
//
// Thread safety: used on the event loop that owns it only. Kept alive by the loop while it is open, and by its tasks.
class Session final : public Connection, public std::enable_shared_from_this<Session> {
 public:
  using Clock = std::chrono::steady_clock;

  Session(EventLoop& loop, Socket socket, std::string address, std::uint64_t id);

  void start();
  // Instead of start(): tells the client why it may not stay, and closes.
  void turn_away(const protocol::ErrorReply& error);
  bool was_turned_away() const { return turned_away_; }
  bool is_open() const { return state_ != State::kClosed; }
  int socket() const { return socket_.fd(); }
  // What the kernel has to tell about the socket, once: bits of epoll_event::events.
  void on_event(std::uint32_t events);
  // Executes what was read, answers what comes now with SHUTDOWN, closes.
  void begin_stop();
  // The task is back from the writer or a reader. take_turn() has to follow.
  void task_done(Task& task);
  // Runs what can be run, and sends what can be sent.
  // The replies leave when the loop calls end_turn(). The next turn comes by an event, a task, or go_on_now().
  void take_turn();
  void end_turn();
  // The next turn of a session that had more to do than one allows, or that wants input again which has come meanwhile.
  void go_on_now();
  // There is room in the store's queue again.
  void room_again();
  // Called about once a second.
  void tick(Clock::time_point now);
  // At once, whatever is owed.
  void close();

  // Whether this is the first call since take_turn().
  bool touch() { return !std::exchange(touched_, true); }

  ClientState& client() override { return client_; }
  bool has_writes_in_flight() const override { return writes_in_flight_ > 0; }
  bool is_quiet() const override { return tasks_.empty(); }
  void submit(std::unique_ptr<Task> task) override;
  void load(std::unique_ptr<Task> task) override;
  void defer() override { deferred_ = true; }
  using Connection::run_aside;
  void run_aside(std::function<Encode()> work, Aside how_long) override;
  void set_authenticated() override;
  void close_when_answered() override;

 private:
  enum class State : std::uint8_t {
    kOpen,
    kDraining,  // no further request; closes when all replies are sent
    kLingering,  // has said goodbye, and waits for the client to close: closing first could cost it the last replies
    kClosed,
  };

  // session.cpp: requests
  void run_requests();
  void fetch_ahead();
  void run(const protocol::Request& request);
  void refuse(protocol::Dialect dialect, const protocol::ErrorReply& error);
  void note_slow(Clock::time_point started, Clock::time_point now, std::vector<std::string> args);
  Task& adopt(std::unique_ptr<Task> task);
  void hand_to_writer(Task& task);
  void send_to_reader(Task& task, Task::Stage stage);
  bool can_answer() const;
  void answer_tasks();
  void finish_aside(std::uint64_t aside_id, const Encode& encode);
  void count_reply(const std::string& target, std::size_t before);
  std::string& reply_target();
  std::size_t replies_waiting_bytes() const { return output_.size() + tail_bytes_; }
  // How many of those there may be before the client is not read from any more.
  std::size_t output_limit() const;
  void account_replies(std::size_t waiting);
  bool is_held_back() const;
  bool may_run() const;
  bool wants_input() const;

  // session_io.cpp: bytes
  void on_readable();
  void receive();
  void discard_input();
  void flush();
  void go_on();
  void go_on_later();
  void finish();

  EventLoop& loop_;
  ServerState& server_;
  Socket socket_;
  ClientState client_;

  InputBuffer input_;
  protocol::RequestParser parser_;
  OutputBuffer output_;

  State state_ = State::kOpen;
  bool starved_ = true;            // the parser needs more than there is
  bool deferred_ = false;          // the parser's request waits until the connection is quiet
  bool running_aside_ = false;     // a request runs on a worker thread
  bool preparing_ = false;         // the newest task waits for a reader before it may go to the writer
  bool waiting_for_room_ = false;  // in the store's queue
  bool peer_closed_ = false;       // the client will send no more
  bool stopping_ = false;
  bool refusing_ = false;  // answers every request with SHUTDOWN
  // What the kernel has told, once (see Poller), until the socket itself says otherwise: a session that is held back reads
  // much later.
  bool readable_ = false;         // there may be something to read
  bool read_to_the_end_ = false;  // and it is not all there when recv() gives less than there was room for
  bool send_blocked_ = false;     // send() had no room
  bool goes_on_later_ = false;
  bool turn_ends_later_ = false;
  bool touched_ = false;
  bool turned_away_ = false;

  bool is_silent_ = false;                          // the request's reply is not wanted
  const protocol::CommandSpec* command_ = nullptr;  // that is being run
  std::vector<std::string> aside_args_;             // what runs aside, for the slow log
  Clock::time_point aside_started_{};
  std::uint64_t aside_id_ = 0;  // of the newest run_aside(); an answer to an older one comes too late
  protocol::ReplyFormat format_ = protocol::ReplyFormat::kText;  // of the request that runs
  TaskQueue tasks_;                                              // not answered yet
  std::size_t fetched_ahead_ = 0;     // requests whose keys have been fetched ahead
  std::size_t writes_in_flight_ = 0;  // of them, with the writer or on their way to it
  std::size_t in_flight_bytes_ = 0;   // of all of them
  std::size_t tail_bytes_ = 0;        // in their tails
  std::size_t accounted_bytes_ = 0;   // what the server counts of replies_waiting_bytes()

  Clock::time_point turn_began_{};  // what tasks are timed by: one look at the clock for all of a turn
  Clock::time_point last_sent_{};
  Clock::time_point over_limit_since_{};  // the epoch: it is not
  Clock::time_point linger_until_{};
};

}  // namespace minikv::server
