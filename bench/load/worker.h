// One thread of the load generator, with the connections that are its own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/connection.h"
#include "bench/load/keys.h"
#include "bench/load/options.h"

namespace minikv::bench {

// When replies count: requests that are due from `begin` to before `end`.
struct MeasuredTime {
  Clock::time_point begin, end;
};

// Sends batches of `pipeline` requests over each connection, one at a time. Without a rate the next batch is
// due when the one before is answered. With one, batches are due at random moments that do not depend on the
// answers: a batch that can't be sent yet waits, and its latency counts from when it was due.
//
// Thread safety: not thread-safe; each worker has a thread of its own.
class Worker {
 public:
  // `keys` must outlive it. Throws std::system_error.
  Worker(const LoadOptions& options, const KeyChoice& keys, std::size_t connections, std::uint64_t seed);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Until the end, and until the batches that are due by then are answered, for some seconds at most. Throws
  // as Connection does.
  LoadFigures run(const MeasuredTime& time);

 private:
  struct Client {
    Client(int port) : connection(port) {}
    Connection connection;
    Clock::time_point next_due;
    bool wants_writable = false;
  };

  bool is_over(Clock::time_point now) const;
  void start(Client& client, Clock::time_point now);
  void send_batch(Client& client, Clock::time_point due);
  void handle(Client& client);
  void count(const Connection::Request& request, Answer answer, std::string_view line, Clock::time_point now);
  void flush(Client& client);
  Clock::duration interval();
  Clock::duration until_next_due(Clock::time_point now) const;
  void count_unanswered();

  const LoadOptions& options_;
  const KeyChoice& keys_;
  Random random_;
  const std::string value_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Client>> clients_;
  MeasuredTime time_;
  LoadFigures figures_;
};

}  // namespace minikv::bench
