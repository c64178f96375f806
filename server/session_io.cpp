// How a session reads, writes and closes.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "server/event_loop.h"
#include "server/server_state.h"
#include "server/session.h"

namespace minikv::server {

namespace {

// How much one turn reads before the other connections of the loop get theirs.
constexpr std::size_t kTurnInputBytes = 256 * 1024;
constexpr std::chrono::seconds kLingerTime{2};

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// What can't be set is done without.
void set_option(int socket, int level, int option) {
  const int on = 1;
  ::setsockopt(socket, level, option, &on, sizeof on);
}

}  // namespace

void Session::start() {
  set_option(socket_.fd(), IPPROTO_TCP, TCP_NODELAY);
  set_option(socket_.fd(), SOL_SOCKET, SO_KEEPALIVE);  // finds clients whose machine has gone
  server_.clients.add(client_.id, client_.address, [weak = weak_from_this(), &loop = loop_] {
    loop.post([weak] {
      if (const auto session = weak.lock()) session->close();
    });
  });
  take_turn();
}

void Session::on_event(std::uint32_t events) {
  if (state_ == State::kClosed) return;
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) readable_ = true;
  // Usually the kernel tells again when more comes than what recv() has given. Not so if the end of the stream, which is
  // told of now, comes behind those bytes; nor if recv() stops at an out-of-band byte.
  if ((events & ~static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT)) != 0) read_to_the_end_ = true;
  const bool was_blocked =
      (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 && std::exchange(send_blocked_, false);
  if (was_blocked) flush();
  if (state_ == State::kLingering) return discard_input();
  if (readable_ && wants_input()) {
    on_readable();
  } else if (was_blocked && state_ != State::kClosed) {
    take_turn();
  }
}

void Session::on_readable() {
  std::size_t budget = kTurnInputBytes;
  while (readable_ && wants_input()) {
    const std::size_t before = input_.size();
    receive();
    const std::size_t got = input_.size() - before;
    if (got >= budget) break;
    budget -= got;
    run_requests();
  }
  take_turn();
}

void Session::receive() {
  const std::span<char> room = input_.prepare();
  ssize_t got;
  do {
    got = ::recv(socket_.fd(), room.data(), room.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    input_.commit(bytes);
    starved_ = false;
    server_.counters.bytes_in.add(bytes);
    if (bytes < room.size() && !read_to_the_end_) readable_ = false;
    return;
  }
  readable_ = read_to_the_end_ = false;
  input_.release_if_empty();
  if (got == 0) {
    peer_closed_ = true;
  } else if (!would_block(errno)) {
    close();
  }
}

void Session::discard_input() {
  if (!readable_) return;
  char scratch[4096];
  ssize_t got;
  std::size_t budget = kTurnInputBytes;
  do {
    got = ::recv(socket_.fd(), scratch, sizeof scratch, MSG_DONTWAIT);
    if (got > 0) budget -= std::min(budget, static_cast<std::size_t>(got));
  } while (budget > 0 && (got > 0 || (got < 0 && errno == EINTR)));
  if (got > 0) return go_on_later();
  if (got == 0 || !would_block(errno)) return close();
  readable_ = false;
}

void Session::flush() {
  while (state_ != State::kClosed && !output_.empty() && !send_blocked_) {
    const std::string_view unsent = output_.unsent();
    const ssize_t sent = ::send(socket_.fd(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      output_.mark_sent(static_cast<std::size_t>(sent));
      server_.counters.bytes_out.add(static_cast<std::size_t>(sent));
      last_sent_ = Clock::now();
    } else if (sent < 0 && would_block(errno)) {
      send_blocked_ = true;
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
  if (may_run() || can_answer() || (readable_ && wants_input())) go_on_later();
}

void Session::go_on_later() {
  if (!std::exchange(goes_on_later_, true)) loop_.go_on_later(shared_from_this());
}

void Session::go_on_now() {
  goes_on_later_ = false;
  if (state_ == State::kClosed) return;
  if (state_ == State::kLingering) return discard_input();
  on_readable();
}

void Session::finish() {
  if (peer_closed_ || stopping_) return close();
  ::shutdown(socket_.fd(), SHUT_WR);
  state_ = State::kLingering;
  linger_until_ = Clock::now() + kLingerTime;
  if (readable_) go_on_later();
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
  server_.log->debug("client {} ({}) disconnected", client_.id, client_.address);
  loop_.remove(*this);
  socket_.close();
}

}  // namespace minikv::server
