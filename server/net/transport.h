// A connection's bytes: its socket, and the replies that it is to send.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "protocol/reply_buffer.h"
#include "server/net/byte_budget.h"
#include "server/net/socket.h"
#include "server/request/counters.h"

namespace minikv::server {

// Receives and sends without waiting. Remembers the events of the socket, because the kernel reports an event
// once (see Poller), and a session that is held back reads much later. Both directions are bounded, for a
// turn and for an iteration of the loop.
//
// Thread safety: used on the event loop of its session.
class Transport {
 public:
  using Clock = std::chrono::steady_clock;

  // How many bytes one turn receives before the other connections of the loop get theirs; receive() alone
  // never receives more.
  static constexpr std::size_t kTurnInputBytes = 256 * 1024;

  // `budget` and `counters` must outlive this object.
  Transport(Socket socket, ByteBudget& budget, Counters& counters);

  int fd() const { return socket_.fd(); }
  // Empty if the system does not tell.
  std::string local_address() const;
  // To be called once, before anything is received. `keepalive`: after so long without traffic, the kernel
  // asks whether the client's machine is still there; 0: never.
  void start(std::chrono::seconds keepalive);

  struct Told {
    bool has_room_again = false;  // sending was blocked, and is no more
    bool is_gone = false;         // reset, or closed on both sides: no reply can arrive
  };
  // `events`: bits of epoll_event::events.
  Told on_event(std::uint32_t events);

  // ---- receiving ----

  // Whether there may be something to read.
  bool is_readable() const { return readable_; }
  // The client will send no more.
  bool has_ended() const { return has_ended_; }
  // Returns how many bytes came; 0: there are none, and has_ended(), is_broken() or !is_readable() says why.
  // To be called with room for at least one byte.
  std::size_t receive(std::span<char> room);
  // Drops what has come. True: there may be more.
  bool discard();

  // ---- sending ----

  protocol::ReplyBuffer& output() { return output_; }
  const protocol::ReplyBuffer& output() const { return output_; }
  // The kernel has no room for more, until an event reports room.
  bool is_send_blocked() const { return send_blocked_; }
  bool can_send() const { return !output_.empty() && !send_blocked_; }
  // Sends as much as one turn may: other connections have their turns in between.
  void flush();

  // ---- the end ----

  // The system has refused to receive or to send: the connection is of no use any more.
  bool is_broken() const { return is_broken_; }
  // Tells the client that nothing follows what was sent. To be called once.
  void shut_down();
  // Drops what was to be sent.
  void close();

  // When bytes were last received, and last sent; the epoch before the first. start() counts as the first
  // receipt.
  Clock::time_point last_received() const { return last_received_; }
  Clock::time_point last_sent() const { return last_sent_; }

 private:
  ssize_t send_some(std::size_t most);

  Socket socket_;
  protocol::ReplyBuffer output_;
  ByteBudget& budget_;
  Counters& counters_;
  bool readable_ = false;
  bool read_to_the_end_ = false;  // more may be there although recv() gives less than there was room for
  bool has_ended_ = false;
  bool send_blocked_ = false;
  bool is_broken_ = false;
  Clock::time_point last_received_{};
  Clock::time_point last_sent_{};
};

}  // namespace minikv::server
