// How a session reads, writes and closes.
#include <sys/socket.h>

#include <cerrno>

#include <asio/post.hpp>

#include "server/event_loop.h"
#include "server/server_state.h"
#include "server/session.h"

namespace minikv::server {

namespace {

// How much one turn reads before the other connections of the loop get theirs.
constexpr std::size_t kTurnInputBytes = 256 * 1024;
constexpr std::chrono::seconds kLingerTime{2};

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

void Session::start() {
  asio::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);  // finds clients whose machine has gone
  server_.clients.add(client_.id, client_.address, [weak = weak_from_this(), &io = loop_.io()] {
    asio::post(io, [weak] {
      if (const auto session = weak.lock()) session->close();
    });
  });
  take_turn();
}

// asio::async_read would try the socket before it waits: a wasted call for each request of a client that does not
// pipeline. Waiting first and reading then does not.
void Session::wait_readable() {
  if (reading_) return;
  reading_ = true;
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this()](const asio::error_code& error) {
                       self->reading_ = false;
                       if (self->state_ == State::kClosed) return;
                       if (error) return self->close();
                       self->on_readable();
                     });
}

void Session::wait_writable() {
  if (writing_) return;
  writing_ = true;
  socket_.async_wait(asio::socket_base::wait_write,
                     [self = shared_from_this()](const asio::error_code& error) {
                       self->writing_ = false;
                       if (self->state_ == State::kClosed) return;
                       if (error) return self->close();
                       self->flush();
                       self->take_turn();
                     });
}

void Session::on_readable() {
  if (state_ == State::kLingering) return discard_input();
  std::size_t budget = kTurnInputBytes;
  bool more = true;
  while (more && wants_input()) {
    const std::size_t before = input_.size();
    more = receive();
    const std::size_t got = input_.size() - before;
    if (got >= budget) break;
    budget -= got;
    run_requests();
  }
  take_turn();
}

bool Session::receive() {
  const std::span<char> room = input_.prepare();
  ssize_t got;
  do {
    got = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    input_.commit(bytes);
    starved_ = false;
    server_.counters.bytes_in.add(bytes);
    return bytes == room.size();
  }
  if (got == 0) {
    peer_closed_ = true;
  } else if (!would_block(errno)) {
    close();
  }
  return false;
}

void Session::discard_input() {
  char scratch[4096];
  ssize_t got;
  std::size_t budget = kTurnInputBytes;
  do {
    got = ::recv(socket_.native_handle(), scratch, sizeof scratch, MSG_DONTWAIT);
    if (got > 0) budget -= std::min(budget, static_cast<std::size_t>(got));
  } while (budget > 0 && (got > 0 || (got < 0 && errno == EINTR)));
  if (got > 0 || (got < 0 && would_block(errno))) return wait_readable();
  close();
}

void Session::flush() {
  while (state_ != State::kClosed && !output_.empty() && !writing_) {
    const std::string_view unsent = output_.unsent();
    const ssize_t sent =
        ::send(socket_.native_handle(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      output_.mark_sent(static_cast<std::size_t>(sent));
      server_.counters.bytes_out.add(static_cast<std::size_t>(sent));
      last_sent_ = Clock::now();
    } else if (sent < 0 && would_block(errno)) {
      wait_writable();
    } else if (sent < 0 && errno != EINTR) {
      close();
    }
  }
}

// The end of a turn: what is to happen next.
void Session::go_on() {
  if (state_ != State::kClosed) account_replies(replies_waiting_bytes());
  if (state_ == State::kOpen && starved_ && !running_aside_ && (peer_closed_ || stopping_))
    state_ = State::kDraining;
  if (state_ == State::kDraining && is_quiet() && output_.empty()) return finish();
  if ((may_run() || can_answer()) && !turn_posted_) {
    turn_posted_ = true;
    asio::post(loop_.io(), [self = shared_from_this()] {
      self->turn_posted_ = false;
      if (self->state_ != State::kClosed) self->take_turn();
    });
  }
  if (wants_input()) wait_readable();
}

void Session::finish() {
  if (peer_closed_ || stopping_) return close();
  asio::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  state_ = State::kLingering;
  linger_until_ = Clock::now() + kLingerTime;
  wait_readable();
}

void Session::tick(Clock::time_point now) {
  if (state_ == State::kLingering && now >= linger_until_) return close();
  if (last_sent_ != Clock::time_point{}) server_.clients.saw(client_.id, last_sent_);
  const bool over_limit =
      replies_waiting_bytes() > output_limit() || (state_ == State::kDraining && !output_.empty());
  if (!over_limit) {
    over_limit_since_ = {};
    return;
  }
  if (over_limit_since_ == Clock::time_point{}) over_limit_since_ = now;
  if (now - std::max(over_limit_since_, last_sent_) < server_.options.stall_timeout) return;
  server_.counters.connections_stalled.add();
  server_.log->warn("client {} ({}) closed: {} bytes of replies wait and it has taken none for {} ms",
                    client_.id, client_.address, replies_waiting_bytes(),
                    server_.options.stall_timeout.count());
  close();
}

void Session::close() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  state_ = State::kClosed;
  server_.clients.remove(client_.id);
  account_replies(0);
  asio::error_code ignored;
  socket_.close(ignored);
  server_.log->debug("client {} ({}) disconnected", client_.id, client_.address);
  loop_.remove(*this);
}

}  // namespace minikv::server
