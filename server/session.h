// One client's connection.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/parser.h"
#include "protocol/reply_buffer.h"
#include "server/connection.h"
#include "server/multi.h"
#include "server/request_input.h"
#include "server/session_memory.h"
#include "server/slow_log.h"
#include "server/socket.h"

namespace minikv::server {

class EventLoop;
struct ServerState;

// Reads requests, has them carried out, and sends the replies in the order of the requests.
//
// A turn is: read what has come, run the requests in it, write all that there is to answer at once. Whatever needs the
// writer or the disk becomes a task and is answered in a later turn, in the order of the requests; a reply that is known
// at once but belongs behind such a one waits in the newest task (Task::tail_). A turn is bounded, so that one client cannot
// starve the others of its loop.
//
// Not read from is a connection that has too much with the writer, too many replies waiting, a request that has to wait
// for the ones before it, or one for which there is no memory. Closing never loses a reply that is owed, unless the
// client has gone.
//
// Thread safety: used on the event loop that owns it only, but for is_gone(). Kept alive by the loop while it is open, and by
// its tasks.
class Session final : public Connection, public std::enable_shared_from_this<Session> {
 public:
  using Clock = std::chrono::steady_clock;

  Session(EventLoop& loop, Socket socket, std::string address, std::uint64_t id);

  void start();
  // Instead of start(): tells the client why it may not stay, and closes.
  void turn_away(const protocol::ErrorReply& error);
  bool was_turned_away() const { return turned_away_; }
  bool is_open() const { return state_ != State::kClosed; }
  // Whether nobody is there any more who could take a reply. From any thread.
  bool is_gone() const { return client_.figures->is_gone.get(); }
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
  // There is memory for clients again, perhaps for this one.
  void memory_again();
  // An allocation has failed while the session was at something: the request gets an error, or the connection is closed.
  void out_of_memory();
  // Called about once a second. For `not_run` of the time since the last call the loop did not run.
  void tick(Clock::time_point now, Clock::duration not_run);
  // At once, whatever is owed.
  void close();

  // Whether this is the first call since take_turn().
  bool touch() { return !std::exchange(touched_, true); }

  ClientState& client() override { return client_; }
  bool has_writes_in_flight() const override { return writes_in_flight_ > 0; }
  bool is_quiet() const override { return tasks_.empty() && !exec_; }
  void submit(std::unique_ptr<Task> task) override;
  void execute(std::unique_ptr<ExecTask> exec) override;
  std::vector<Block> take_blocks() override;
  void look_up(std::unique_ptr<Task> task) override;
  void load(std::unique_ptr<Task> task) override;
  bool takes_replies() const override;
  bool reserve(std::uint64_t bytes) override { return memory_.try_take(bytes); }
  void defer() override { deferred_ = true; }
  using Connection::run_in_slices;
  void run_in_slices(AsideSlice slice, HowLong how_long) override;
  void hold_requests() override { holding_requests_ = true; }
  void set_authenticated(bool is_authenticated) override;
  void close_when_answered() override;

 private:
  enum class State : std::uint8_t {
    kOpen,
    kDraining,  // no further request; closes when all replies are sent
    kLingering,  // has said goodbye, and waits for the client to close: closing first could cost it the last replies
    kClosed,
  };

  // session.cpp: requests
  void begin_turn();
  void run_requests();
  void fetch_ahead();
  void run(const protocol::Request& request);
  void give_up_request(std::string_view why);
  void dispatch_or_refuse(const protocol::Request& request, protocol::ReplyBuffer& target);
  void build_exec();
  void refuse(protocol::Dialect dialect, const protocol::ErrorReply& error);
  void note_slow(Clock::time_point started, Clock::time_point now, const RequestSummary& summary);
  struct RunningAside;
  static void stand_in_line(const std::shared_ptr<RunningAside>& running);
  static void work_on(const std::shared_ptr<RunningAside>& running);
  static bool run_slice(RunningAside& running);
  void finish_aside(std::uint64_t aside_id, protocol::ReplyBuffer&& reply);
  void cancel_aside();
  void count_reply(const protocol::ReplyBuffer& target, const protocol::ReplyBuffer::Mark& before);
  Task* begin_reply();
  void end_reply(Task* last);
  // A task, with what it has allocated beside its arguments: a reply that is still to be made takes at least as much.
  static constexpr std::size_t kTaskBytes = 640;
  std::size_t replies_waiting_bytes() const {
    return output_.size() + tail_bytes_ + tasks_.size() * kTaskBytes;
  }
  // How many of those there may be before the client is not read from any more.
  std::size_t output_limit() const;
  void account_replies();
  void publish_figures();
  bool is_idle(Clock::time_point now) const;
  bool has_too_many_replies() const;
  bool is_held_back() const;
  bool may_run() const;
  bool wants_input() const;

  // session_tasks.cpp: what the writer and the readers do for it
  Task& adopt(std::unique_ptr<Task> task);
  void prepare_or_hand_over(Task& task);
  void hand_to_writer(Task& task);
  void send_to_reader(Task& task, Task::Stage stage);
  bool can_answer() const;
  void answer_tasks();
  bool answer_front();
  void load_ahead();
  void finish_front();
  void writer_is_done_with(const Task& task);
  void fail(Task& task, const Status& why);
  void wait_for_memory();
  void settle_memory();
  std::uint64_t held_bytes() const;
  void give_up_what_has_no_room();  // to be called while is_half_read() only
  // A request has begun to arrive, and nothing but the rest of it is waited for.
  bool is_half_read() const { return starved_ && parser_.is_busy() && !input_waits_; }
  void refuse_what_waits();
  void take_values(Task& task, std::uint64_t bytes);
  void release_values(Task& task);

  // session_io.cpp: bytes
  void on_readable();
  bool receive();
  bool has_memory_to_read();
  void discard_input();
  ssize_t send_some(std::size_t most);
  void flush();
  void go_on();
  void go_on_later();
  void finish();
  bool is_in_its_own_way() const;
  bool is_stalled(Clock::time_point now);
  std::chrono::milliseconds patience() const;
  void forgive(Clock::duration not_run, Clock::time_point now);

  EventLoop& loop_;
  ServerState& server_;
  Socket socket_;
  ClientState client_;

  RequestInput input_;
  protocol::RequestParser parser_;
  protocol::ReplyBuffer output_;
  protocol::ReplyBuffer behind_task_;        // the reply of the request that runs, if it goes behind a task's
  protocol::ReplyBuffer* target_ = nullptr;  // one of the two
  SessionMemory memory_;

  State state_ = State::kOpen;
  bool starved_ = true;            // the parser needs more than there is
  bool deferred_ = false;          // the parser's request waits until the connection is quiet
  bool holding_requests_ = false;  // behind the newest task, until it is answered
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
  bool is_giving_up_ = false;  // the request that is arriving
  bool is_hoarding_ = false;   // holds replies that it does not take, and others wait for the memory
  // What waits for memory, until the loop says that there is some again.
  bool input_waits_ = false;    // a request that goes on
  bool requests_wait_ = false;  // all that would be new
  bool task_waits_ = false;     // old values for the newest task, or values for the first
  bool is_in_memory_queue_ = false;
  bool has_blocks_ = false;  // of its own has the request that runs, in the input

  bool is_silent_ = false;                          // the request's reply is not wanted
  const protocol::CommandSpec* command_ = nullptr;  // that is being run
  RequestSummary aside_summary_;                    // of what runs aside
  CancelFlag aside_cancelled_;
  Clock::time_point aside_started_{};
  std::uint64_t aside_id_ = 0;  // of the newest run_aside(); an answer to an older one comes too late
  protocol::ReplyFormat format_ = protocol::ReplyFormat::kText;  // of the request that runs
  TaskQueue tasks_;                                              // not answered yet
  Task* postponed_ = nullptr;         // the first of them that wants a reader, and whose turn it is not yet
  std::unique_ptr<ExecTask> exec_;    // whose commands are being made into tasks
  std::size_t fetched_ahead_ = 0;     // requests whose keys have been fetched ahead
  std::size_t writes_in_flight_ = 0;  // of them, with the writer or on their way to it
  std::size_t writer_bytes_ = 0;      // of these
  std::size_t in_flight_bytes_ = 0;   // of all of them
  std::size_t tail_bytes_ = 0;        // in their tails
  std::uint64_t held_by_tasks_ = 0;   // what has been taken of memory for what readers do
  std::size_t loading_bytes_ = 0;     // of replies that readers make, or have made
  std::size_t accounted_bytes_ = 0;   // what the server counts of replies_waiting_bytes()

  Clock::time_point last_received_{};
  Clock::duration forgiven_{};  // of the time since then, in which the loop did not run
  Clock::time_point turn_began_{};
  Clock::time_point last_sent_{};
  Clock::time_point stalled_since_{};  // the epoch: it is not
  Clock::time_point linger_until_{};
};

}  // namespace minikv::server
