// How a session reads requests, and has them carried out.
#include <algorithm>
#include <cassert>
#include <new>
#include <span>
#include <utility>

#include "server/commands/dispatcher.h"
#include "server/net/event_loop.h"
#include "server/net/session.h"
#include "server/request/errors.h"
#include "server/request/multi.h"
#include "server/request/state.h"

namespace minikv::server {

namespace {

// A turn ends early when it has made this many bytes of replies, because other sessions want their turns.
constexpr std::size_t kTurnReplyBytes = 1024 * 1024;

}  // namespace

// ---- whether there may be more ----

bool Session::is_held_back() const {
  return tasks_.holds_back() || worker_.is_running() || memory_.waits_for(MemoryWaits::For::kRequests);
}

bool Session::may_run() const {
  return state_ == State::kOpen && !requests_.is_starved() && !is_held_back() &&
         (!requests_.is_deferred() || is_quiet());
}

bool Session::wants_input() const {
  return state_ == State::kOpen && requests_.is_starved() && !transport_.has_ended() && !stopping_ &&
         !memory_.waits_for(MemoryWaits::For::kInput) && !is_held_back();
}

// ---- reading ----

void Session::on_readable() {
  loop_.laps().start(Clock::now());
  std::size_t budget = Transport::kTurnInputBytes;
  while (transport_.is_readable() && wants_input() &&
         (loop_.budget().has_left() || !requests_.has_own_blocks())) {
    const std::size_t before = requests_.input_bytes();
    if (!receive()) break;
    const std::size_t got = requests_.input_bytes() - std::min(before, requests_.input_bytes());
    if (got >= budget) break;
    budget -= got;
    run_requests();
  }
  take_turn();
}

// Whether there is memory for the next input. A request that can never have it is dropped as it comes.
bool Session::has_memory_to_read() {
  const std::size_t bytes = requests_.grows_by();
  if (bytes == 0) return true;
  switch (memory_.take(MemoryWaits::For::kInput, bytes, requests_.memory())) {
    case MemoryWaits::Taken::kYes: return true;
    case MemoryWaits::Taken::kLater: return false;
    case MemoryWaits::Taken::kNever: break;
  }
  give_up_request("the request takes more memory than max_client_memory allows for one; send less at a time");
  return false;
}

// Drops what has come of the request that is arriving, and its rest as it comes.
void Session::give_up_request(std::string_view why) {
  server_.client_memory.count_refusal();
  give_up_request(protocol::errors::out_of_memory(why));
}

void Session::give_up_request(const protocol::ErrorReply& error) {
  requests_.give_up(error);
  memory_.set_waits_for(MemoryWaits::For::kInput, false);
}

// False: nothing can be read for now.
bool Session::receive() {
  if (!has_memory_to_read()) return false;
  std::span<char> room;
  try {
    room = requests_.room();
  } catch (const std::bad_alloc&) {
    if (!requests_.is_busy()) throw;
    give_up_request("the system has no memory left for the request");
    return false;
  }
  if (const std::size_t bytes = transport_.receive(room); bytes > 0) {
    requests_.commit(bytes);
    return true;
  }
  requests_.release_if_empty();
  if (transport_.is_broken()) close();
  return true;
}

// ---- one after the other ----

void Session::run_requests() {
  const auto waiting = [this] { return transport_.output().size() + tasks_.tail_bytes(); };
  const std::size_t waiting_before = waiting();
  while (may_run() && waiting() < waiting_before + kTurnReplyBytes) {
    // A request that has begun goes on: when it has been carried out, or given up, its memory is free.
    if (!requests_.is_busy() && !memory_.may_begin_request()) return;
    if (requests_.is_deferred()) {
      requests_.take_deferred();
      run(requests_.request());
      continue;
    }
    const protocol::ParseResult result = requests_.next();
    switch (result.outcome) {
      case protocol::ParseOutcome::kNeedMore: break;
      case protocol::ParseOutcome::kRequest:
        server_.counters.commands.add();
        run(requests_.request());
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

void Session::run(const protocol::Request& request) {
  const ClientState::Replies replies = client_.replies;
  const bool is_silent = replies != ClientState::Replies::kAll;
  if (replies == ClientState::Replies::kNotTheNext) client_.replies = ClientState::Replies::kNotThis;
  protocol::ReplyBuffer& target = tasks_.begin_request(reply_format(request.dialect, client_), is_silent);
  client_.figures->last_command.set(request.command);
  if (refusing_) {
    protocol::ReplyEncoder(tasks_.format(), target).error(protocol::errors::shutting_down());
  } else {
    const std::size_t size_before = target.size();
    dispatch_or_refuse(request, target);
    if (state_ == State::kClosed) return;
    note_slow_request(size_before, target);
  }
  if (is_silent) {
    // CLIENT REPLY ON is answered; OFF and SKIP may stand behind SKIP.
    if (client_.replies != ClientState::Replies::kAll) target.rewind(tasks_.before_reply());
    if (client_.replies == ClientState::Replies::kNotThis) {
      client_.replies =
          requests_.is_deferred() ? ClientState::Replies::kNotTheNext : ClientState::Replies::kAll;
    }
  }
  tasks_.end_reply();
  requests_.finish();
}

// A request that is not answered at once is timed where it is answered.
void Session::note_slow_request(std::size_t size_before, const protocol::ReplyBuffer& target) {
  const Clock::duration took = loop_.laps().lap();
  if (target.size() <= size_before || !server_.slow_log.is_slow(took)) return;
  server_.slow_log.note(took, requests_.summary(), client_.address, client_.name);
}

// An allocation that fails for the request is its own error, and does not close the connection.
void Session::dispatch_or_refuse(const protocol::Request& request, protocol::ReplyBuffer& target) {
  const std::size_t tasks_before = tasks_.size();
  try {
    dispatch(request, target, *this, server_);
  } catch (const std::bad_alloc&) {
    server_.client_memory.count_refusal();
    if (tasks_.size() != tasks_before || tasks_.has_batch()) return out_of_memory();
    target.rewind(tasks_.before_reply());
    protocol::ReplyEncoder(tasks_.format(), target).error(no_memory_for_request());
  }
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
  protocol::ReplyEncoder(reply_format(dialect, client_), tasks_.begin_reply()).error(error);
  tasks_.end_reply();
}

// ---- what handlers ask of the connection ----

void Session::defer() {
  assert(!is_quiet());
  requests_.defer();
}

void Session::run_in_slices(AsideSlice slice, HowLong how_long) {
  assert(is_quiet());
  worker_.start(requests_.request(), tasks_.format(), std::move(slice), how_long,
                [self = shared_from_this()](protocol::ReplyBuffer&& reply, Clock::duration took,
                                            const RequestSummary& summary) {
                  self->worker_is_done(std::move(reply), took, summary);
                });
}

void Session::worker_is_done(protocol::ReplyBuffer&& reply, Clock::duration took,
                             const RequestSummary& summary) {
  assert(is_open() && is_quiet());
  if (server_.slow_log.is_slow(took)) server_.slow_log.note(took, summary, client_.address, client_.name);
  protocol::ReplyBuffer& target = tasks_.begin_reply();
  if (!tasks_.is_silent()) target.append(std::move(reply));
  tasks_.end_reply();
  take_turn();
}

void Session::set_authenticated(bool is_authenticated) {
  client_.authenticated = is_authenticated || server_.options.password.empty();
  protocol::ParserLimits limits = server_.options.parser;
  limits.authenticated = client_.authenticated;
  requests_.set_limits(limits);
}

void Session::close_when_answered() {
  if (state_ == State::kOpen) enter(State::kDraining);
}

}  // namespace minikv::server
