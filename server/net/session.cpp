// A session's turns, from its beginning to its end. What it does with requests is in session_requests.cpp.
#include "server/net/session.h"

#include <cassert>
#include <utility>

#include "server/net/event_loop.h"
#include "server/request/multi.h"
#include "server/request/state.h"

namespace minikv::server {

namespace {

// This many bytes of replies are sent at once, and do not wait for the turns of other clients.
constexpr std::size_t kFlushAtOnceBytes = 64 * 1024;
// A client may leave replies of up to this many bytes, and more as long as no other client needs the memory.
constexpr std::size_t kHoardedBytes = 64 * 1024;

Status waited_too_long() {
  return {StatusCode::kOutOfMemory,
          "no memory became free in time (max_client_memory, request_timeout); try again later"};
}

}  // namespace

Session::Session(EventLoop& loop, Socket socket, std::string address, std::uint64_t id)
    : loop_(loop),
      server_(loop.server()),
      transport_(std::move(socket), loop.budget(), server_.counters),
      requests_(loop.blocks(), server_.options.parser, server_.store),
      memory_(*this, loop, server_.client_memory),
      tasks_(*this, loop, memory_, requests_.request(), transport_.output()),
      worker_(loop),
      patience_(server_.options, transport_) {
  client_.id = id;
  set_authenticated(false);
  client_.address = std::move(address);
}

void Session::enter(State next) {
  assert(next > state_);
  state_ = next;
}

void Session::start() {
  enter(State::kOpen);
  transport_.start(server_.options.tcp_keepalive);
  client_.local_address = transport_.local_address();
  publish_figures();
  ClientList::Client known;
  known.id = client_.id;
  known.address = client_.address;
  known.local_address = client_.local_address;
  known.descriptor = transport_.fd();
  known.figures = client_.figures;
  server_.clients.add(std::move(known), [weak = weak_from_this(), &loop = loop_] {
    loop.post([weak] {
      if (const auto session = weak.lock()) session->close();
    });
  });
  take_turn();
}

void Session::turn_away(const protocol::ErrorReply& error) {
  enter(State::kOpen);
  turned_away_ = true;
  refuse(protocol::Dialect::kText, error);
  close_when_answered();
  take_turn();
}

void Session::begin_stop() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kLingering) return close();
  stopping_ = true;
  if (worker_.is_running()) {
    worker_.cancel();
    protocol::ReplyEncoder(tasks_.format(), transport_.output()).error(protocol::errors::shutting_down());
  }
  if (memory_.waits_for(MemoryWaits::For::kInput)) give_up_request(protocol::errors::shutting_down());
  if (state_ == State::kOpen && requests_.is_starved() && !transport_.has_ended()) {
    refusing_ = true;
    receive();
  }
  take_turn();
}

// ---- turns ----

void Session::take_turn() {
  const auto self = shared_from_this();
  touched_ = false;
  if (state_ == State::kClosed) return;
  loop_.laps().start(Clock::now());
  if (!tasks_.is_quiet()) tasks_.take_turn();
  run_requests();
  const std::size_t waiting = transport_.output().size();
  if (waiting == 0 || waiting >= kFlushAtOnceBytes || state_ == State::kClosed) return finish_turn();
  if (!std::exchange(turn_ends_later_, true)) loop_.end_turn_later(shared_from_this());
}

void Session::end_turn() {
  assert(turn_ends_later_);
  turn_ends_later_ = false;
  finish_turn();
}

// Ends the turn, and decides what is to happen next.
void Session::finish_turn() {
  flush();
  give_up_what_has_no_room();
  if (state_ == State::kClosed) return;
  tasks_.account_replies();
  settle_memory();
  publish_figures();
  const bool nothing_follows = (transport_.has_ended() || stopping_) && requests_.is_starved() &&
                               !worker_.is_running() && !memory_.waits_for(MemoryWaits::For::kInput);
  if (state_ == State::kOpen && nothing_follows) enter(State::kDraining);
  if (state_ == State::kDraining && is_quiet() && transport_.output().empty()) return say_goodbye();
  if (tasks_.wants_turn() || may_run() || transport_.can_send() ||
      (transport_.is_readable() && wants_input()))
    go_on_later();
}

void Session::go_on_later() {
  if (!std::exchange(goes_on_later_, true)) loop_.go_on_later(shared_from_this());
}

void Session::go_on_now() {
  assert(goes_on_later_);
  goes_on_later_ = false;
  go_on();
}

void Session::go_on() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kLingering) return discard_input();
  on_readable();
}

void Session::room_again() {
  tasks_.room_again();
  take_turn();
}

void Session::memory_again() {
  const bool task_waited = memory_.begin_again();
  if (state_ == State::kClosed) return;
  if (task_waited) tasks_.memory_again();
  go_on();
}

void Session::on_event(std::uint32_t events) {
  if (state_ == State::kClosed) return;
  const Transport::Told told = transport_.on_event(events);
  if (told.is_gone) {
    client_.figures->is_gone.set(true);
    worker_.stop_early();
  }
  if (told.has_room_again) flush();
  if (state_ == State::kLingering) return discard_input();
  if (transport_.is_readable() && wants_input()) {
    on_readable();
  } else if (told.has_room_again) {
    take_turn();
  }
}

void Session::flush() {
  if (state_ == State::kClosed) return;
  transport_.flush();
  if (transport_.is_broken()) close();
}

// Between turns, the count of held memory is exact.
void Session::settle_memory() {
  memory_.settle(held_bytes(), state_ != State::kClosed && requests_.has_own_blocks());
}

std::uint64_t Session::held_bytes() const {
  const std::size_t multi = client_.multi ? client_.multi->memory() : 0;
  const std::size_t names =
      client_.name.size() + client_.library_name.size() + client_.library_version.size();
  return requests_.memory() + transport_.output().memory() + tasks_.memory() + multi + 2 * names;
}

// An incomplete request is not kept without memory for it: many of those would keep others from being served.
void Session::give_up_what_has_no_room() {
  if (state_ != State::kOpen || !is_half_read() || !memory_.has_no_room_for(held_bytes())) return;
  give_up_request("only half of the request has come, and there is no memory left to keep that");
  run_requests();
}

void Session::publish_figures() {
  ClientFigures& figures = *client_.figures;
  figures.last_received.set(transport_.last_received().time_since_epoch().count());
  figures.is_closing.set(state_ != State::kOpen);
  figures.is_read_from.set(wants_input());
  figures.is_send_blocked.set(transport_.is_send_blocked());
  figures.input_bytes.set(requests_.input_bytes());
  figures.input_free_bytes.set(requests_.free_bytes());
  figures.reply_bytes.set(transport_.output().size() + tasks_.tail_bytes());
  figures.in_flight_bytes.set(tasks_.bytes());
  figures.in_flight_requests.set(tasks_.size());
}

// ---- the end ----

void Session::say_goodbye() {
  if (transport_.has_ended() || stopping_) return close();
  transport_.shut_down();
  enter(State::kLingering);
  patience_.begin_lingering(Clock::now());
  if (transport_.is_readable()) go_on_later();
}

void Session::discard_input() {
  assert(state_ == State::kLingering);
  if (!transport_.is_readable()) return;
  if (transport_.discard()) return go_on_later();
  if (transport_.has_ended() || transport_.is_broken()) close();
}

// Whether the client neither sends nor takes anything, and nothing is done for it.
bool Session::is_idle(Clock::time_point now) const {
  return state_ == State::kOpen && is_quiet() && !worker_.is_running() && transport_.output().empty() &&
         patience_.is_idle(now);
}

// Whether replies wait that the client has to take before its requests go on.
bool Session::is_in_its_own_way() const {
  return tasks_.has_too_many_replies() ||
         (!transport_.output().empty() && (state_ == State::kDraining || tasks_.has_all_it_may()));
}

// Whether the client takes no replies for too long. A client with memory that others wait for has less time.
bool Session::is_stalled(Clock::time_point now) {
  const bool is_hoarding = transport_.output().memory() > kHoardedBytes && memory_.is_wanted_by_others();
  return patience_.is_used_up(is_in_its_own_way(), is_hoarding, now);
}

// Whether a request has begun to arrive, and the session waits only for its rest.
bool Session::is_half_read() const {
  return requests_.is_starved() && requests_.is_busy() && !memory_.waits_for(MemoryWaits::For::kInput);
}

// Whether others wait for the memory of an incomplete request that does not go on.
bool Session::is_in_the_way_of_others(Clock::time_point now) const {
  return is_half_read() && memory_.is_wanted_by_others() && patience_.has_paused(memory_.is_used_up(), now);
}

void Session::tick(Clock::time_point now, Clock::duration not_run) {
  if (not_run > Clock::duration::zero()) {
    memory_.forgive(not_run, now);
    patience_.forgive(not_run, now);
  }
  if (state_ == State::kLingering && patience_.has_lingered(now)) return close();
  if (is_idle(now)) return close_idle();
  if (is_stalled(now)) return close_stalled();
  if (memory_.has_waited_for(server_.options.request_timeout, now)) {
    // Refuses what waits, so that others get the memory that it holds.
    const Status why = waited_too_long();
    if (memory_.waits_for(MemoryWaits::For::kInput)) give_up_request(why.message());
    tasks_.refuse_what_waits(why);
    return take_turn();
  }
  if (is_in_the_way_of_others(now)) {
    give_up_request("the rest of the request did not come in time, and others wait for the memory");
    take_turn();
  }
}

void Session::close_idle() {
  server_.counters.connections_idle.add();
  server_.log->debug("client {} ({}) closed: nothing has come from it for idle_timeout ({} s)", client_.id,
                     client_.address, server_.options.idle_timeout.count());
  close();
}

void Session::close_stalled() {
  server_.counters.connections_stalled.add();
  server_.log->warn(
      "client {} ({}) closed: {} bytes of replies wait and it has taken none for {} ms; clients have to read "
      "while they send, or send less at a time (max_client_reply_bytes, max_client_memory)",
      client_.id, client_.address, tasks_.replies_waiting_bytes(), patience_.for_replies().count());
  close();
}

void Session::out_of_memory() {
  server_.log->warn("client {} ({}) closed: the system has no memory left for its requests", client_.id,
                    client_.address);
  close();
}

void Session::close() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  enter(State::kClosed);
  client_.figures->is_gone.set(true);
  worker_.cancel();
  server_.clients.remove(client_.id);
  transport_.output().clear();
  client_.end_transaction();
  client_.forget_watch();
  tasks_.close();
  memory_.stop();
  settle_memory();
  server_.log->debug("client {} ({}) disconnected", client_.id, client_.address);
  loop_.remove(*this);
  transport_.close();
}

}  // namespace minikv::server
