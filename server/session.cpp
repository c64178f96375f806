// What a session does with requests. Their tasks are in session_tasks.cpp, the bytes in session_io.cpp.
#include "server/session.h"

#include <array>
#include <new>
#include <span>
#include <thread>
#include <utility>

#include "protocol/peek.h"
#include "server/dispatcher.h"
#include "server/event_loop.h"
#include "server/server_state.h"

namespace minikv::server {

namespace {

// A turn ends early when it has made so many bytes of replies: they cost time, and others want their turn.
constexpr std::size_t kTurnReplyBytes = 1024 * 1024;

// So many bytes of replies don't wait for those of other clients to be sent.
constexpr std::size_t kFlushAtOnceBytes = 64 * 1024;

// So many bytes of replies every client may have waiting, however many others have.
constexpr std::size_t kLeastOutputBytes = 64 * 1024;

// What must not be given up for lack of memory: tried again and again.
template <typename Attempt>
void insist(Attempt attempt) {
  for (;;) {
    try {
      return attempt();
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

protocol::ErrorReply no_memory_left() {
  return protocol::errors::out_of_memory("the system has no memory left for this request");
}

}  // namespace

Session::Session(EventLoop& loop, Socket socket, std::string address, std::uint64_t id)
    : loop_(loop),
      server_(loop.server()),
      socket_(std::move(socket)),
      input_(loop.blocks()),
      parser_(server_.options.parser),
      memory_(server_.client_memory) {
  client_.id = id;
  set_authenticated(false);
  client_.address = std::move(address);
}

// What a worker does for a session.
struct Session::RunningAside {
  RunningAside(ClientMemory& memory, CancelFlag cancelled, Clock::time_point deadline,
               std::chrono::milliseconds limit, AsideSlice work,
               const std::function<void(std::function<void()>)>& run_on_worker)
      : aside(memory, std::move(cancelled), deadline, limit), slice(std::move(work)), run(run_on_worker) {}

  Aside aside;
  AsideSlice slice;
  const std::function<void(std::function<void()>)>& run;
  std::shared_ptr<Session> session;
  std::uint64_t id = 0;
  protocol::ReplyFormat format = protocol::ReplyFormat::kText;
  protocol::ReplyBuffer reply;
};

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
    cancel_aside();
    protocol::ReplyEncoder(format_, output_).error(protocol::errors::shutting_down());
  }
  if (input_waits_) give_up_request("the server is shutting down");
  if (state_ == State::kOpen && starved_ && !peer_closed_) {
    refusing_ = true;
    receive();
  }
  take_turn();
}

void Session::note_slow(Clock::time_point started, Clock::time_point now, const RequestSummary& summary) {
  SlowLog::Entry entry;
  entry.unix_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  entry.micros = std::chrono::duration_cast<std::chrono::microseconds>(now - started).count();
  entry.words = summary.words();
  entry.client_address = client_.address;
  entry.client_name = client_.name;
  server_.slow_log.add(std::move(entry));
}

void Session::begin_turn() {
  turn_began_ = Clock::now();
  loop_.laps().start(turn_began_);
}

void Session::take_turn() {
  const auto self = shared_from_this();
  touched_ = false;
  begin_turn();
  const bool has_tasks = exec_ || !tasks_.empty();
  if (exec_) build_exec();
  answer_tasks();
  if (has_tasks) (void)loop_.laps().lap();  // that was not the next request
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

void Session::run_in_slices(AsideSlice slice, HowLong how_long) {
  const Clock::time_point now = Clock::now();
  aside_summary_.assign(parser_.request());
  aside_cancelled_ = std::make_shared<std::atomic<bool>>(false);
  const std::chrono::milliseconds limit = server_.options.request_timeout;
  const bool is_long = how_long == HowLong::kLong;
  auto running = std::make_shared<RunningAside>(
      server_.client_memory, aside_cancelled_, is_long ? Clock::time_point::max() : now + limit, limit,
      std::move(slice), is_long ? server_.run_long : server_.run_on_worker);
  running->session = shared_from_this();
  running->id = ++aside_id_;
  running->format = format_;
  stand_in_line(running);
  aside_started_ = now;
  running_aside_ = true;
}

void Session::stand_in_line(const std::shared_ptr<RunningAside>& running) {
  running->run([running] { work_on(running); });
}

// On a worker's thread.
void Session::work_on(const std::shared_ptr<RunningAside>& running) {
  while (!run_slice(*running)) {
    try {
      return stand_in_line(running);
    } catch (const std::bad_alloc&) {
      // Others have to wait until this is done.
    }
  }
  // The session goes along, so that it is never this thread that lets go of it last.
  std::function<void()> finish;
  insist([&] {
    finish = [session = running->session, running] {
      session->finish_aside(running->id, std::move(running->reply));
    };
  });
  EventLoop& loop = running->session->loop_;
  running->session.reset();
  insist([&] { loop.post(std::move(finish)); });
}

bool Session::run_slice(RunningAside& running) {
  try {
    protocol::ReplyEncoder reply(running.format, running.reply);
    running.aside.begin_slice();
    return running.slice(reply, running.aside);
  } catch (const std::bad_alloc&) {
    running.reply.clear();
    insist([&] { protocol::ReplyEncoder(running.format, running.reply).error(no_memory_left()); });
    return true;
  }
}

void Session::finish_aside(std::uint64_t aside_id, protocol::ReplyBuffer&& reply) {
  if (state_ == State::kClosed || !running_aside_ || aside_id != aside_id_) return;
  running_aside_ = false;
  const Clock::time_point now = Clock::now();
  if (server_.slow_log.is_slow(now - aside_started_)) note_slow(aside_started_, now, aside_summary_);
  const protocol::ReplyBuffer::Mark before = output_.mark();
  if (!is_silent_) output_.append(std::move(reply));
  count_reply(output_, before);
  take_turn();
}

// What it comes to is not waited for.
void Session::cancel_aside() {
  running_aside_ = false;
  if (aside_cancelled_) aside_cancelled_->store(true, std::memory_order_relaxed);
}

std::vector<Block> Session::take_blocks() {
  if (!std::exchange(has_blocks_, false)) return {};
  return input_.take_blocks();
}

void Session::set_authenticated(bool is_authenticated) {
  client_.authenticated = is_authenticated || server_.options.password.empty();
  protocol::ParserLimits limits = server_.options.parser;
  limits.authenticated = client_.authenticated;
  parser_.set_limits(limits);
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
  const std::size_t waiting_before = output_.size() + tail_bytes_;
  while (may_run() && output_.size() + tail_bytes_ < waiting_before + kTurnReplyBytes) {
    // What has begun goes on: when it has been carried out, or given up, its memory is free.
    if (!parser_.is_busy() && memory_.is_used_up() && !memory_.try_take(1)) {
      requests_wait_ = true;
      (void)memory_.take(1);
      return wait_for_memory();
    }
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
        if (std::exchange(is_giving_up_, false)) input_.drop_blocks();
        input_.release_if_empty();
        break;
      case protocol::ParseOutcome::kRequest:
        server_.counters.commands.add();
        has_blocks_ = input_.has_own_blocks();
        run(parser_.request());
        break;
      case protocol::ParseOutcome::kError:
        if (result.is_of_watch) client_.watch_was_refused = true;
        refuse(result.dialect, result.error);
        break;
      case protocol::ParseOutcome::kClose:
        if (result.error.has_message()) refuse(result.dialect, result.error);
        close_when_answered();
        break;
    }
  }
}

// The rest of the request that is arriving is thrown away as it comes, and what has come of it is let go of.
void Session::give_up_request(std::string_view why) {
  server_.client_memory.count_refusal();
  parser_.give_up(protocol::errors::out_of_memory(why));
  is_giving_up_ = true;
  input_waits_ = starved_ = false;
}

void Session::run(const protocol::Request& request) {
  format_ = reply_format(request.dialect, client_);
  Task* const last = begin_reply();
  protocol::ReplyBuffer& target = *target_;
  const protocol::ReplyBuffer::Mark before = target.mark();
  const std::size_t size_before = target.size();
  command_ = request.command;
  client_.figures->last_command.set(command_);
  const ClientState::Replies replies = client_.replies;
  is_silent_ = replies != ClientState::Replies::kAll;
  if (replies == ClientState::Replies::kNotTheNext) client_.replies = ClientState::Replies::kNotThis;
  const bool had_blocks = has_blocks_;
  if (refusing_) {
    protocol::ReplyEncoder(format_, target).error(protocol::errors::shutting_down());
  } else {
    dispatch_or_refuse(request, target);
    const Clock::duration took = loop_.laps().lap();
    // What is not answered here is looked at where it is.
    if (target.size() > size_before && server_.slow_log.is_slow(took)) {
      protocol::Request without_arguments;
      without_arguments.command = command_;
      const bool has_gone = had_blocks && !has_blocks_;  // with the task that has taken its blocks
      const Clock::time_point answered = loop_.laps().last();
      note_slow(answered - took, answered, RequestSummary(has_gone ? without_arguments : request));
    }
  }
  if (is_silent_) {
    // CLIENT REPLY ON is answered; OFF and SKIP may stand behind SKIP.
    if (client_.replies != ClientState::Replies::kAll) target.rewind(before);
    if (client_.replies == ClientState::Replies::kNotThis)
      client_.replies = deferred_ ? ClientState::Replies::kNotTheNext : ClientState::Replies::kAll;
  }
  count_reply(target, before);
  end_reply(last);
  if (deferred_ || !had_blocks) return;
  if (std::exchange(has_blocks_, false)) input_.drop_blocks();
  parser_.forget_request();
}

// Whatever the request makes the server do: that there is no memory for it is its error, and nobody else's.
void Session::dispatch_or_refuse(const protocol::Request& request, protocol::ReplyBuffer& target) {
  const protocol::ReplyBuffer::Mark before = target.mark();
  const std::size_t tasks_before = tasks_.size();
  try {
    dispatch(request, target, *this, server_);
  } catch (const std::bad_alloc&) {
    server_.client_memory.count_refusal();
    if (tasks_.size() != tasks_before || exec_) return out_of_memory();
    target.rewind(before);
    protocol::ReplyEncoder(format_, target).error(no_memory_left());
  }
}

void Session::out_of_memory() {
  server_.log->warn("client {} ({}) closed: the system has no memory left for its requests", client_.id,
                    client_.address);
  close();
}

void Session::refuse(protocol::Dialect dialect, const protocol::ErrorReply& error) {
  if (client_.multi) client_.multi->spoil();
  if (error.ends_transaction && dialect == protocol::Dialect::kResp) {
    client_.end_transaction();
    client_.forget_watch();
  }
  const ClientState::Replies replies = client_.replies;
  if (replies == ClientState::Replies::kNotTheNext) client_.replies = ClientState::Replies::kAll;
  if (replies != ClientState::Replies::kAll) return;
  Task* const last = begin_reply();
  const protocol::ReplyBuffer::Mark before = target_->mark();
  protocol::ReplyEncoder(reply_format(dialect, client_), *target_).error(error);
  count_reply(*target_, before);
  end_reply(last);
}

void Session::count_reply(const protocol::ReplyBuffer& target, const protocol::ReplyBuffer::Mark& before) {
  if (target.first_since(before) == '-') server_.counters.errors.add();
}

// Where the reply to the request goes that is to be run: to the client, or behind the reply of the newest task, which is
// returned.
Task* Session::begin_reply() {
  target_ = tasks_.empty() ? &output_ : &behind_task_;
  return tasks_.empty() ? nullptr : &tasks_.back();
}

void Session::end_reply(Task* last) {
  if (last == nullptr || behind_task_.empty()) return;
  if (!last->tail_) last->tail_ = std::make_unique<protocol::ReplyBuffer>();
  tail_bytes_ += behind_task_.size();
  last->tail_->append(std::move(behind_task_));
}

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

void Session::account_replies() {
  const std::size_t waiting = state_ == State::kClosed ? 0 : replies_waiting_bytes() + loading_bytes_;
  if (waiting == accounted_bytes_) return;
  Counter& all = server_.counters.replies_waiting;
  waiting > accounted_bytes_ ? all.add(waiting - accounted_bytes_) : all.subtract(accounted_bytes_ - waiting);
  accounted_bytes_ = waiting;
}

bool Session::is_held_back() const {
  const ServerOptions& options = server_.options;
  return waiting_for_room_ || running_aside_ || preparing_ || exec_ || requests_wait_ || holding_requests_ ||
         writes_in_flight_ >= options.max_in_flight_requests ||
         writer_bytes_ >= options.max_in_flight_bytes || has_too_many_replies();
}

bool Session::has_too_many_replies() const {
  const std::size_t waiting = replies_waiting_bytes();
  return waiting > kLeastOutputBytes && waiting > output_limit();
}

bool Session::may_run() const {
  return state_ == State::kOpen && !starved_ && !is_held_back() && (!deferred_ || is_quiet());
}

bool Session::wants_input() const {
  return state_ == State::kOpen && starved_ && !peer_closed_ && !stopping_ && !input_waits_ &&
         !is_held_back();
}

}  // namespace minikv::server
