// What a session does with requests; the bytes are in session_io.cpp.
#include "server/session.h"

#include <array>
#include <span>
#include <utility>

#include "protocol/peek.h"
#include "server/dispatcher.h"
#include "server/event_loop.h"
#include "server/multi.h"
#include "server/server_state.h"

namespace minikv::server {

namespace {

// A turn ends early when it has made so many bytes of replies: they cost time, and others want their turn.
constexpr std::size_t kTurnReplyBytes = 1024 * 1024;

// So many bytes of replies don't wait for those of other clients to be sent.
constexpr std::size_t kFlushAtOnceBytes = 64 * 1024;

// So many bytes of replies every client may have waiting, however many others have.
constexpr std::size_t kLeastOutputBytes = 64 * 1024;

}  // namespace

Session::Session(EventLoop& loop, Socket socket, std::string address, std::uint64_t id)
    : loop_(loop),
      server_(loop.server()),
      socket_(std::move(socket)),
      input_(loop.blocks()),
      parser_(server_.options.parser) {
  client_.id = id;
  if (!server_.options.password.empty()) {
    client_.authenticated = false;
    protocol::ParserLimits limits = server_.options.parser;
    limits.authenticated = false;
    parser_.set_limits(limits);
  }
  client_.address = std::move(address);
}

void Session::turn_away(const protocol::ErrorReply& error) {
  turned_away_ = true;
  refuse(protocol::Dialect::kText, error);
  close_when_answered();
  take_turn();
}

void Session::begin_stop() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kLingering) return close();
  stopping_ = true;
  if (running_aside_) {
    running_aside_ = false;
    protocol::ReplyEncoder(format_, output_.bytes()).error(protocol::errors::shutting_down());
  }
  if (state_ == State::kOpen && starved_ && !peer_closed_) {
    refusing_ = true;
    receive();
  }
  take_turn();
}

void Session::task_done(Task& task) {
  switch (task.stage_) {
    case Task::Stage::kPreparing: preparing_ = false; return hand_to_writer(task);
    case Task::Stage::kWithWriter:
      --writes_in_flight_;
      task.stage_ = Task::Stage::kDone;
      return;
    default: task.stage_ = Task::Stage::kLoaded;
  }
}

bool Session::can_answer() const {
  if (tasks_.empty() || state_ == State::kClosed || output_.size() > output_limit()) return false;
  const Task::Stage stage = tasks_.front().stage_;
  return stage == Task::Stage::kDone || stage == Task::Stage::kLoaded;
}

void Session::note_slow(Clock::time_point started, Clock::time_point now, std::vector<std::string> args) {
  SlowLog::Entry entry;
  entry.unix_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  entry.micros = std::chrono::duration_cast<std::chrono::microseconds>(now - started).count();
  entry.args = std::move(args);
  entry.client_address = client_.address;
  entry.client_name = client_.name;
  server_.slow_log.add(std::move(entry));
}

void Session::answer_tasks() {
  while (can_answer()) {
    Task& task = tasks_.front();
    if (task.stage_ == Task::Stage::kDone && task.status_ && !task.try_load())
      return send_to_reader(task, Task::Stage::kLoading);
    in_flight_bytes_ -= task.bytes();
    tail_bytes_ -= task.tail_.size();
    const std::size_t before = output_.bytes().size();
    task.answer(output_.bytes());
    count_reply(output_.bytes(), before);
    if (server_.slow_log.is_slow(turn_began_ - task.started_)) {
      const protocol::Arg kept{task.memory_.kept()};
      note_slow(task.started_, turn_began_,
                SlowLog::summary(*task.command_, {&kept, task.memory_.kept().empty() ? 0U : 1U}));
    }
    tasks_.pop();
  }
}

void Session::take_turn() {
  const auto self = shared_from_this();
  touched_ = false;
  turn_began_ = Clock::now();
  answer_tasks();
  run_requests();
  if (output_.empty() || output_.size() >= kFlushAtOnceBytes || state_ == State::kClosed) return end_turn();
  if (!std::exchange(turn_ends_later_, true)) loop_.end_turn_later(shared_from_this());
}

void Session::end_turn() {
  turn_ends_later_ = false;
  flush();
  go_on();
}

void Session::room_again() {
  waiting_for_room_ = false;
  if (state_ != State::kClosed) take_turn();
}

Task& Session::adopt(std::unique_ptr<Task> task) {
  task->loop_ = &loop_;
  task->format_ = format_;
  task->command_ = command_;
  task->is_silent_ = is_silent_;
  task->started_ = turn_began_;
  in_flight_bytes_ += task->bytes();
  tasks_.push(std::move(task));
  return tasks_.back();
}

void Session::submit(std::unique_ptr<Task> task) {
  Task& adopted = adopt(std::move(task));
  ++writes_in_flight_;
  if (server_.store.try_load(adopted.old_values())) return hand_to_writer(adopted);
  preparing_ = true;
  send_to_reader(adopted, Task::Stage::kPreparing);
}

void Session::load(std::unique_ptr<Task> task) {
  send_to_reader(adopt(std::move(task)), Task::Stage::kLoading);
}

void Session::send_to_reader(Task& task, Task::Stage stage) {
  task.stage_ = stage;
  task.session_ = shared_from_this();
  loop_.send_to_reader(task);
}

void Session::hand_to_writer(Task& task) {
  task.stage_ = Task::Stage::kWithWriter;
  task.session_ = shared_from_this();
  loop_.gather(task);
  if (!waiting_for_room_ && server_.store.is_saturated()) {
    waiting_for_room_ = true;
    loop_.wait_for_room(shared_from_this());
  }
}

void Session::run_aside(std::function<Encode()> work, Aside how_long) {
  running_aside_ = true;
  aside_started_ = Clock::now();
  aside_args_ = SlowLog::summary(*command_, parser_.request().args);
  const auto& run = how_long == Aside::kLong ? server_.run_long : server_.run_on_worker;
  run([self = shared_from_this(), id = ++aside_id_, &loop = loop_, work = std::move(work)]() mutable {
    Encode encode = work();
    // The session goes along, so that it is never this thread that lets go of it last.
    loop.post([self = std::move(self), id, encode = std::move(encode)] { self->finish_aside(id, encode); });
  });
}

void Session::finish_aside(std::uint64_t aside_id, const Encode& encode) {
  if (state_ == State::kClosed || !running_aside_ || aside_id != aside_id_) return;
  running_aside_ = false;
  const Clock::time_point now = Clock::now();
  if (server_.slow_log.is_slow(now - aside_started_)) note_slow(aside_started_, now, std::move(aside_args_));
  const std::size_t before = output_.bytes().size();
  protocol::ReplyEncoder reply(format_, output_.bytes());
  if (!is_silent_) encode(reply);
  count_reply(output_.bytes(), before);
  take_turn();
}

void Session::set_authenticated() {
  client_.authenticated = true;
  parser_.set_limits(server_.options.parser);
}

void Session::close_when_answered() {
  if (state_ == State::kOpen) state_ = State::kDraining;
}

// Of a pipeline of GETs the look-ups are prepared a dozen at a time.
void Session::fetch_ahead() {
  if (fetched_ahead_ > 0) {
    --fetched_ahead_;
    return;
  }
  std::array<std::string_view, 16> keys;
  const std::size_t count = protocol::peek_gets(input_.view(), keys);
  if (count < 2) return;
  server_.store.fetch_ahead(std::span(keys).first(count));
  fetched_ahead_ = count - 1;
}

void Session::run_requests() {
  const std::size_t waiting_before = replies_waiting_bytes();
  while (may_run() && replies_waiting_bytes() < waiting_before + kTurnReplyBytes) {
    if (std::exchange(deferred_, false)) {
      run(parser_.request());
      continue;
    }
    fetch_ahead();
    const protocol::ParseResult result = parser_.next(input_.view());
    input_.consume(result.consumed);
    switch (result.outcome) {
      case protocol::ParseOutcome::kNeedMore:
        starved_ = true;
        input_.release_if_empty();
        break;
      case protocol::ParseOutcome::kRequest:
        server_.counters.commands.add();
        run(parser_.request());
        break;
      case protocol::ParseOutcome::kError: refuse(result.dialect, result.error); break;
      case protocol::ParseOutcome::kClose:
        if (result.error.has_message()) refuse(result.dialect, result.error);
        close_when_answered();
        break;
    }
  }
}

void Session::run(const protocol::Request& request) {
  format_ = reply_format(request.dialect, client_);
  std::string& target = reply_target();
  const std::size_t before = target.size();
  command_ = request.command;
  const ClientState::Replies replies = client_.replies;
  is_silent_ = replies != ClientState::Replies::kAll;
  if (refusing_) {
    protocol::ReplyEncoder(format_, target).error(protocol::errors::shutting_down());
  } else if ((command_->flags & (protocol::kFlagFast | protocol::kFlagWrite)) != 0) {
    dispatch(request, target, *this, server_);  // done in no time, or a task's business
  } else {
    const Clock::time_point started = Clock::now();
    dispatch(request, target, *this, server_);
    const Clock::time_point now = Clock::now();
    // What is not answered here is looked at where it is.
    if (target.size() > before && server_.slow_log.is_slow(now - started)) {
      note_slow(started, now, SlowLog::summary(*command_, request.args));
    }
  }
  if (is_silent_) {
    // CLIENT REPLY ON is answered, and the one that is not to be answered was this.
    if (client_.replies != ClientState::Replies::kAll) target.resize(before);
    if (replies == ClientState::Replies::kNotTheNext && !deferred_)
      client_.replies = ClientState::Replies::kAll;
  }
  count_reply(target, before);
  if (&target != &output_.bytes()) tail_bytes_ += target.size() - before;
}

void Session::refuse(protocol::Dialect dialect, const protocol::ErrorReply& error) {
  if (client_.multi) client_.multi->spoil();
  if (error.ends_transaction && dialect == protocol::Dialect::kResp) {
    client_.multi.reset();
    client_.watch.reset();
  }
  const ClientState::Replies replies = client_.replies;
  if (replies == ClientState::Replies::kNotTheNext) client_.replies = ClientState::Replies::kAll;
  if (replies != ClientState::Replies::kAll) return;
  std::string& target = reply_target();
  const std::size_t before = target.size();
  protocol::ReplyEncoder(reply_format(dialect, client_), target).error(error);
  count_reply(target, before);
  if (&target != &output_.bytes()) tail_bytes_ += target.size() - before;
}

void Session::count_reply(const std::string& target, std::size_t before) {
  if (target.size() > before && target[before] == '-') server_.counters.errors.add();
}

std::string& Session::reply_target() { return tasks_.empty() ? output_.bytes() : tasks_.back().tail_; }

// All of it while there is plenty; the rest of the budget is shared out in smaller and smaller parts.
std::size_t Session::output_limit() const {
  const ServerOptions& options = server_.options;
  const std::size_t budget = options.max_total_output_bytes;
  const std::size_t waiting = server_.counters.replies_waiting.get();
  if (waiting <= budget / 2) return options.max_output_bytes;
  const double left = static_cast<double>(budget - std::min(waiting, budget)) / static_cast<double>(budget);
  const auto part = static_cast<std::size_t>(2 * left * static_cast<double>(options.max_output_bytes));
  return std::min(std::max(part, kLeastOutputBytes), options.max_output_bytes);
}

void Session::account_replies(std::size_t waiting) {
  if (waiting == accounted_bytes_) return;
  Counter& all = server_.counters.replies_waiting;
  waiting > accounted_bytes_ ? all.add(waiting - accounted_bytes_) : all.subtract(accounted_bytes_ - waiting);
  accounted_bytes_ = waiting;
}

bool Session::is_held_back() const {
  const ServerOptions& options = server_.options;
  return waiting_for_room_ || running_aside_ || preparing_ ||
         tasks_.size() >= options.max_in_flight_requests || in_flight_bytes_ >= options.max_in_flight_bytes ||
         replies_waiting_bytes() > output_limit();
}

bool Session::may_run() const {
  return state_ == State::kOpen && !starved_ && !is_held_back() && (!deferred_ || is_quiet());
}

bool Session::wants_input() const {
  return state_ == State::kOpen && starved_ && !peer_closed_ && !stopping_ && !is_held_back();
}

}  // namespace minikv::server
