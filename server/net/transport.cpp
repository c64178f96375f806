// Receiving and sending without waiting.
#include "server/net/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <string_view>
#include <utility>

#include "server/net/socket_address.h"

namespace minikv::server {

namespace {

// How much one turn sends before the other connections of the loop get theirs.
constexpr std::size_t kTurnOutputBytes = 512 * 1024;
// Replies of up to this length are sent however much other connections have to send.
constexpr std::size_t kShortBytes = 16 * 1024;
constexpr std::size_t kPiecesAtOnce = 64;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// An option that can't be set is ignored, because the connection works without it.
void set_option(int socket, int level, int option, int value = 1) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

// Has the kernel find clients with machines that have gone: after `idle` without traffic it asks, and then
// three times more, as in Redis.
void set_keepalive(int socket, std::chrono::seconds idle) {
  if (idle.count() == 0) return;
  const auto seconds = static_cast<int>(idle.count());
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(seconds / 3, 1));
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

Transport::Transport(Socket socket, ByteBudget& budget, Counters& counters)
    : socket_(std::move(socket)), budget_(budget), counters_(counters) {}

std::string Transport::local_address() const { return local_address_of(socket_.fd()); }

void Transport::start(std::chrono::seconds keepalive) {
  assert(last_received_ == Clock::time_point{});
  set_option(socket_.fd(), IPPROTO_TCP, TCP_NODELAY);
  set_keepalive(socket_.fd(), keepalive);
  last_received_ = Clock::now();
}

Transport::Told Transport::on_event(std::uint32_t events) {
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) readable_ = true;
  // Usually the kernel reports again when more comes than recv() has given. It does not if the end of the
  // stream, which this event reports, comes behind those bytes, or if recv() stops at an out-of-band byte.
  if ((events & ~static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT)) != 0) read_to_the_end_ = true;
  Told told;
  told.is_gone = (events & (EPOLLERR | EPOLLHUP)) != 0;
  told.has_room_again = (told.is_gone || (events & EPOLLOUT) != 0) && std::exchange(send_blocked_, false);
  return told;
}

std::size_t Transport::receive(std::span<char> room) {
  const std::size_t most = std::min(room.size(), kTurnInputBytes);
  assert(most > 0 && socket_.fd() >= 0);
  ssize_t got;
  do {
    got = ::recv(socket_.fd(), room.data(), most, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    last_received_ = Clock::now();
    counters_.bytes_in.add(bytes);
    budget_.spend(bytes);
    if (bytes < most && !read_to_the_end_) readable_ = false;
    return bytes;
  }
  readable_ = read_to_the_end_ = false;
  if (got == 0) {
    has_ended_ = true;
  } else if (!would_block(errno)) {
    is_broken_ = true;
  }
  return 0;
}

bool Transport::discard() {
  char scratch[4096];
  ssize_t got;
  std::size_t budget = kTurnInputBytes;
  do {
    got = ::recv(socket_.fd(), scratch, sizeof scratch, MSG_DONTWAIT);
    if (got > 0) budget -= std::min(budget, static_cast<std::size_t>(got));
  } while (budget > 0 && (got > 0 || (got < 0 && errno == EINTR)));
  if (got > 0) return true;
  readable_ = false;
  if (got == 0) {
    has_ended_ = true;
  } else if (!would_block(errno)) {
    is_broken_ = true;
  }
  return false;
}

// Hands the kernel up to `most` bytes of what waits to be sent.
ssize_t Transport::send_some(std::size_t most) {
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

void Transport::flush() {
  assert(socket_.fd() >= 0);
  std::size_t budget = budget_.has_left() || output_.size() <= kShortBytes ? kTurnOutputBytes : 0;
  while (can_send() && !is_broken_ && budget > 0) {
    const ssize_t sent = send_some(budget);
    if (sent > 0) {
      const auto bytes = static_cast<std::size_t>(sent);
      budget -= bytes;
      budget_.spend(bytes);
      output_.drop_front(bytes);
      counters_.bytes_out.add(bytes);
      last_sent_ = Clock::now();
    } else if (sent < 0 && would_block(errno)) {
      send_blocked_ = true;
    } else if (sent < 0 && errno != EINTR) {
      is_broken_ = true;
    }
  }
}

void Transport::shut_down() {
  assert(output_.empty());
  ::shutdown(socket_.fd(), SHUT_WR);
}

void Transport::close() {
  output_.clear();
  socket_.close();
}

}  // namespace minikv::server
