// How a session reads, writes and closes.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "server/event_loop.h"
#include "server/server_state.h"
#include "server/session.h"
#include "server/socket_address.h"

namespace minikv::server {

namespace {

// How much one turn reads before the other connections of the loop get theirs.
constexpr std::size_t kTurnInputBytes = 256 * 1024;
// And sends.
constexpr std::size_t kTurnOutputBytes = 512 * 1024;
// What is no longer than this is sent however much others have to send.
constexpr std::size_t kShortBytes = 16 * 1024;
constexpr std::size_t kPiecesAtOnce = 64;
// Replies that a client does not take are its own affair up to this many bytes, and beyond it as long as nobody else needs
// the memory; then it has this part of the usual time.
constexpr std::size_t kHoardedBytes = 64 * 1024;
constexpr int kHoarderPart = 10;
constexpr std::chrono::seconds kLingerTime{2};
// For so long the rest of a request may stay away where memory is used up and others wait.
constexpr std::chrono::seconds kHalfTimeWhenUsedUp{1};

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// What can't be set is done without.
void set_option(int socket, int level, int option, int value = 1) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

// Finds clients whose machine has gone: after `idle` without a word the kernel asks, and then three times more, as in Redis.
void set_keepalive(int socket, std::chrono::seconds idle) {
  if (idle.count() == 0) return;
  const auto seconds = static_cast<int>(idle.count());
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(seconds / 3, 1));
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

void Session::start() {
  set_option(socket_.fd(), IPPROTO_TCP, TCP_NODELAY);
  set_keepalive(socket_.fd(), server_.options.tcp_keepalive);
  client_.local_address = local_address_of(socket_.fd());
  last_received_ = Clock::now();
  publish_figures();
  ClientList::Client known;
  known.id = client_.id;
  known.address = client_.address;
  known.local_address = client_.local_address;
  known.descriptor = socket_.fd();
  known.figures = client_.figures;
  server_.clients.add(std::move(known), [weak = weak_from_this(), &loop = loop_] {
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
  // Reset, or closed on both sides: whatever is worked out for it aside, nobody waits for it.
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    client_.figures->is_gone.set(true);
    if (aside_cancelled_) aside_cancelled_->store(true, std::memory_order_relaxed);
  }
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
  begin_turn();
  std::size_t budget = kTurnInputBytes;
  while (readable_ && wants_input() && (loop_.has_budget() || !input_.has_own_blocks())) {
    const std::size_t before = input_.size();
    if (!receive()) break;
    const std::size_t got = input_.size() - std::min(before, input_.size());
    if (got >= budget) break;
    budget -= got;
    run_requests();
  }
  take_turn();
}

// Whether there is memory for what comes next. What can never have it is thrown away as it comes.
bool Session::has_memory_to_read() {
  const std::size_t bytes = input_.grows_by(parser_);
  if (bytes == 0) return true;
  switch (memory_.take(bytes, input_.memory() + parser_.memory())) {
    case SessionMemory::Taken::kYes: return true;
    case SessionMemory::Taken::kLater:
      input_waits_ = true;
      wait_for_memory();
      return false;
    case SessionMemory::Taken::kNever: break;
  }
  give_up_request("the request takes more memory than max_client_memory allows for one; send less at a time");
  return false;
}

// False: nothing can be read for now.
bool Session::receive() {
  if (!has_memory_to_read()) return false;
  std::span<char> room;
  try {
    room = input_.prepare(parser_);
  } catch (const std::bad_alloc&) {
    if (!parser_.is_busy()) throw;
    give_up_request("the system has no memory left for the request");
    return false;
  }
  ssize_t got;
  do {
    got = ::recv(socket_.fd(), room.data(), std::min(room.size(), kTurnInputBytes), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    input_.commit(bytes);
    starved_ = false;
    last_received_ = Clock::now();
    forgiven_ = {};
    server_.counters.bytes_in.add(bytes);
    loop_.spend(bytes);
    if (bytes < std::min(room.size(), kTurnInputBytes) && !read_to_the_end_) readable_ = false;
    return true;
  }
  readable_ = read_to_the_end_ = false;
  input_.release_if_empty();
  if (got == 0) {
    peer_closed_ = true;
  } else if (!would_block(errno)) {
    close();
  }
  return true;
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

// Hands the kernel up to `most` bytes of what waits to be sent.
ssize_t Session::send_some(std::size_t most) {
  const std::string_view first = output_.first();
  if (first.size() == output_.size() || first.size() >= most)
    return ::send(socket_.fd(), first.data(), std::min(first.size(), most), MSG_DONTWAIT | MSG_NOSIGNAL);
  std::array<std::string_view, kPiecesAtOnce> pieces;
  std::array<iovec, kPiecesAtOnce> vectors;
  const std::size_t count = output_.front(pieces);
  std::size_t used = 0;
  for (; used < count && most > 0; ++used) {
    // iovec is shared with readv(2), hence not const; sendmsg(2) only reads.
    vectors[used] = {const_cast<char*>(pieces[used].data()), std::min(pieces[used].size(), most)};
    most -= vectors[used].iov_len;
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = used;
  return ::sendmsg(socket_.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// So much as one turn may: others have theirs in between.
void Session::flush() {
  std::size_t budget = loop_.has_budget() || output_.size() <= kShortBytes ? kTurnOutputBytes : 0;
  while (state_ != State::kClosed && !output_.empty() && !send_blocked_ && budget > 0) {
    const ssize_t sent = send_some(budget);
    if (sent > 0) {
      const auto bytes = static_cast<std::size_t>(sent);
      budget -= bytes;
      loop_.spend(bytes);
      output_.drop_front(bytes);
      server_.counters.bytes_out.add(bytes);
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
  if (state_ == State::kClosed) return;
  if (is_half_read()) give_up_what_has_no_room();
  account_replies();
  settle_memory();
  publish_figures();
  if (state_ == State::kOpen && starved_ && !running_aside_ && !input_waits_ && (peer_closed_ || stopping_))
    state_ = State::kDraining;
  if (state_ == State::kDraining && is_quiet() && output_.empty()) return finish();
  const bool can_send = !output_.empty() && !send_blocked_;
  if (exec_ || may_run() || can_answer() || can_send || (readable_ && wants_input())) go_on_later();
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

void Session::publish_figures() {
  ClientFigures& figures = *client_.figures;
  figures.last_received.set(last_received_.time_since_epoch().count());
  figures.is_closing.set(state_ != State::kOpen);
  figures.is_read_from.set(wants_input());
  figures.is_send_blocked.set(send_blocked_);
  figures.input_bytes.set(input_.size());
  figures.input_free_bytes.set(input_.free_bytes());
  figures.reply_bytes.set(output_.size() + tail_bytes_);
  figures.in_flight_bytes.set(in_flight_bytes_);
  figures.in_flight_requests.set(tasks_.size());
}

// Neither sends nor takes anything, and nothing is done for it.
bool Session::is_idle(Clock::time_point now) const {
  const auto timeout = server_.options.idle_timeout;
  return timeout.count() > 0 && state_ == State::kOpen && tasks_.empty() && !running_aside_ && !exec_ &&
         now - std::max(last_received_, last_sent_) >= timeout;
}

// Whether replies wait that its client has to take before anything goes on for it.
bool Session::is_in_its_own_way() const {
  const ServerOptions& options = server_.options;
  const bool has_all_it_may =
      writes_in_flight_ >= options.max_in_flight_requests || writer_bytes_ >= options.max_in_flight_bytes;
  return has_too_many_replies() || (!output_.empty() && (state_ == State::kDraining || has_all_it_may));
}

// Whether the client has taken nothing for so long that the connection is closed. What others wait for is not left for
// long to a client that makes no use of it.
bool Session::is_stalled(Clock::time_point now) {
  const bool is_in_the_way = is_in_its_own_way();
  is_hoarding_ = !is_in_the_way && output_.memory() > kHoardedBytes && memory_.is_wanted_by_others();
  if (!is_in_the_way && !is_hoarding_) {
    stalled_since_ = {};
    return false;
  }
  if (stalled_since_ == Clock::time_point{}) stalled_since_ = now;
  return now - std::max(stalled_since_, last_sent_) >= patience();
}

std::chrono::milliseconds Session::patience() const {
  return server_.options.stall_timeout / (is_hoarding_ ? kHoarderPart : 1);
}

// Time in which the loop did not run is nobody's fault but ours.
void Session::forgive(Clock::duration not_run, Clock::time_point now) {
  linger_until_ += not_run;
  memory_.forgive(not_run, now);
  if (stalled_since_ != Clock::time_point{})
    stalled_since_ = std::min(std::max(stalled_since_, last_sent_) + not_run, now);
  forgiven_ = std::min(forgiven_ + not_run, now - last_received_);
}

void Session::tick(Clock::time_point now, Clock::duration not_run) {
  if (not_run > Clock::duration::zero()) forgive(not_run, now);
  if (state_ == State::kLingering && now >= linger_until_) return close();
  if (is_idle(now)) {
    server_.counters.connections_idle.add();
    server_.log->debug("client {} ({}) closed: nothing has come from it for idle_timeout ({} s)", client_.id,
                       client_.address, server_.options.idle_timeout.count());
    return close();
  }
  if (is_stalled(now)) {
    server_.counters.connections_stalled.add();
    server_.log->warn(
        "client {} ({}) closed: {} bytes of replies wait and it has taken none for {} ms; clients have to "
        "read "
        "while they send, or send less at a time (max_client_reply_bytes, max_client_memory)",
        client_.id, client_.address, replies_waiting_bytes(), patience().count());
    return close();
  }
  const auto timeout = server_.options.request_timeout;
  if (memory_.waits() && now - memory_.waits_since() >= timeout) {
    refuse_what_waits();
    return take_turn();
  }
  // Half of a request that does not go on is in the way of others, and gives way before they have waited too long.
  const Clock::duration patience =
      memory_.is_used_up() ? std::min<Clock::duration>(kHalfTimeWhenUsedUp, timeout / 2) : timeout / 2;
  if (is_half_read() && memory_.is_wanted_by_others() && now - last_received_ - forgiven_ >= patience) {
    give_up_request("the rest of the request did not come in time, and others wait for the memory");
    take_turn();
  }
}

void Session::close() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  state_ = State::kClosed;
  client_.figures->is_gone.set(true);
  cancel_aside();
  server_.clients.remove(client_.id);
  account_replies();
  output_.clear();
  client_.end_transaction();
  client_.forget_watch();
  exec_.reset();
  input_waits_ = requests_wait_ = task_waits_ = false;
  settle_memory();
  server_.log->debug("client {} ({}) disconnected", client_.id, client_.address);
  loop_.remove(*this);
  socket_.close();
}

}  // namespace minikv::server
