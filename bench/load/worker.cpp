// The loop of a worker: what is due is sent, what arrives is counted.
#include "bench/load/worker.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <ctime>
#include <system_error>

namespace minikv::bench {
namespace {

constexpr auto kDrain = std::chrono::seconds(10);
constexpr auto kLongestWait = std::chrono::milliseconds(100);

std::string random_text(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  std::string text(bytes, '\0');
  for (char& letter : text) letter = static_cast<char>('a' + random.next() % 26);
  return text;
}

timespec to_timespec(Clock::duration duration) {
  const auto ns = std::max<std::int64_t>(std::chrono::nanoseconds(duration).count(), 0);
  return {ns / 1'000'000'000, ns % 1'000'000'000};
}

}  // namespace

Worker::Worker(const LoadOptions& options, const KeyChoice& keys, std::size_t connections, std::uint64_t seed)
    : options_(options),
      keys_(keys),
      random_(seed),
      value_(random_text(options.value_bytes, seed)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  for (std::size_t i = 0; i < connections; ++i) {
    clients_.push_back(std::make_unique<Client>(options.port));
    epoll_event event{.events = EPOLLIN, .data = {.ptr = clients_.back().get()}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, clients_.back()->connection.fd(), &event) != 0)
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

Worker::~Worker() { close(epoll_); }

LoadFigures Worker::run(const MeasuredTime& time) {
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // ns: a batch is sent when it is due, not 50 us later
  time_ = time;
  const Clock::time_point first = Clock::now();
  for (const auto& client : clients_) client->next_due = options_.rate > 0 ? first + interval() : first;
  std::array<epoll_event, 64> events;
  for (Clock::time_point now = first; !is_over(now); now = Clock::now()) {
    if (options_.rate > 0 || now == first) {
      for (const auto& client : clients_) start(*client, now);
    }
    const timespec wait = to_timespec(until_next_due(Clock::now()));
    const int count = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_pwait2");
    for (int i = 0; i < count; ++i)
      handle(*static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr));
  }
  count_unanswered();
  return figures_;
}

bool Worker::is_over(Clock::time_point now) const {
  if (now < time_.end) return false;
  if (now >= time_.end + kDrain) return true;
  return std::all_of(clients_.begin(), clients_.end(), [this](const auto& client) {
    const bool is_behind = options_.rate > 0 && client->next_due < time_.end;
    return client->connection.in_flight() == 0 && !is_behind;
  });
}

// Sends the client's next batch if it is due and the one before is answered.
void Worker::start(Client& client, Clock::time_point now) {
  if (client.connection.in_flight() > 0) return;
  if (options_.rate <= 0) {
    if (now < time_.end) send_batch(client, Clock::now());
    return;
  }
  if (client.next_due > now || client.next_due >= time_.end) return;
  const Clock::time_point due = client.next_due;
  client.next_due += interval();
  send_batch(client, due);
}

void Worker::send_batch(Client& client, Clock::time_point due) {
  for (std::size_t i = 0; i < options_.pipeline; ++i) {
    const bool is_set = options_.set_share > 0 && random_.unit() < options_.set_share;
    client.connection.add(is_set ? Verb::kSet : Verb::kGet, keys_.next(random_), value_, due);
  }
  flush(client);
}

void Worker::flush(Client& client) {
  client.connection.send();
  const bool wants_writable = client.connection.has_output();
  if (wants_writable == client.wants_writable) return;
  client.wants_writable = wants_writable;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &client}};
  if (wants_writable) event.events |= EPOLLOUT;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, client.connection.fd(), &event);
}

void Worker::handle(Client& client) {
  if (client.connection.has_output()) flush(client);
  client.connection.receive([this](const Connection::Request& request, Answer answer, std::string_view line) {
    count(request, answer, line, Clock::now());
  });
  start(client, Clock::now());
}

void Worker::count(const Connection::Request& request, Answer answer, std::string_view line,
                   Clock::time_point now) {
  if (answer == Answer::kError) {
    if (figures_.errors++ == 0) figures_.first_error = line;
  }
  if (now >= time_.begin && now < time_.end) ++figures_.answered;
  if (request.due < time_.begin || request.due >= time_.end) return;
  if (answer == Answer::kMiss) ++figures_.misses;
  const auto ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(now - request.due).count());
  (request.verb == Verb::kGet ? figures_.gets : figures_.sets).add(ns);
}

// Exponentially distributed, so that batches are due independently of each other, as those of many users are.
Clock::duration Worker::interval() {
  const double mean_s =
      static_cast<double>(options_.pipeline) * static_cast<double>(options_.connections) / options_.rate;
  const double seconds = -std::log(1 - random_.unit()) * mean_s;
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

Clock::duration Worker::until_next_due(Clock::time_point now) const {
  Clock::time_point next = now + kLongestWait;
  if (now < time_.end) next = std::min(next, time_.end);
  if (options_.rate <= 0) return next - now;
  for (const auto& client : clients_) {
    if (client->connection.in_flight() == 0 && client->next_due < time_.end)
      next = std::min(next, client->next_due);
  }
  return next - now;
}

void Worker::count_unanswered() {
  for (const auto& client : clients_) {
    figures_.unanswered += client->connection.in_flight();
    if (options_.rate <= 0) continue;
    for (; client->next_due < time_.end; client->next_due += interval())
      figures_.unanswered += options_.pipeline;
  }
}

}  // namespace minikv::bench
