// An iteration, and what sessions ask of it.
#include "server/net/event_loop.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <new>
#include <utility>

#include "server/net/session.h"
#include "server/request/state.h"

namespace minikv::server {

namespace {

// An allocation that fails while a session has its turn is that session's error, and does not end the server.
template <typename Turn>
void guard(Session& session, Turn turn) {
  try {
    turn(session);
  } catch (const std::bad_alloc&) {
    session.out_of_memory();
  }
}

constexpr std::size_t kGoingOnAtOnce = 128;  // sessions; as many as events at once
constexpr std::chrono::milliseconds kTick{1000};

std::chrono::milliseconds tick_interval(const ServerOptions& options) {
  return std::min({kTick, options.stall_timeout / 4, options.request_timeout / 8}) +
         std::chrono::milliseconds(1);
}

}  // namespace

EventLoop::EventLoop(ServerState& server) : server_(server), laps_(server.options.slow_log_slower_than) {}

EventLoop::~EventLoop() { assert(sessions_.empty() && tasks_in_flight_ == 0); }

void EventLoop::run() {
  assert(thread_ == std::thread::id());
  thread_ = std::this_thread::get_id();
  Clock::time_point now = Clock::now();
  timer_at_ = now + tick_interval(server_.options);
  while (!stopping_ || !sessions_.empty() || tasks_in_flight_ > 0) {
    const bool is_idle = going_on_.empty() && ending_.empty() && gathered_.empty();
    const Clock::duration patience =
        timer_at_ == Clock::time_point::max() ? Clock::duration::max() : timer_at_ - now;
    const Poller::Waited waited =
        poller_.wait(is_idle ? std::max(patience, Clock::duration::zero()) : Clock::duration::zero());
    budget_.refill();
    let_sessions_go_on();
    for (const epoll_event& event : waited.events)
      guard(*static_cast<Session*>(event.data.ptr),
            [&](Session& session) { session.on_event(event.events); });
    if (mailbox_.has_news_of_memory()) let_those_without_memory_go_on();
    if (waited.woken) read_mail();  // after the events: a client's last requests come before begin_stop()
    const Clock::time_point before = std::exchange(now, Clock::now());
    const Clock::duration took =
        now - before - (is_idle ? std::max(patience, Clock::duration::zero()) : Clock::duration::zero());
    if (took > tick_interval(server_.options)) forgive(took, now);
    if (now >= timer_at_) on_timer(now);
    hand_over();
    end_turns();
    removed_.clear();
  }
}

void EventLoop::read_mail() {
  std::vector<std::function<void()>> posted;
  mailbox_.take_all(posted, delivered_);
  for (const auto& function : posted) {
    try {
      function();
    } catch (const std::bad_alloc&) {
      server_.log->warn("the system has no memory left for what an event loop was asked to do");
    }
  }
  deliver();
  let_waiting_go_on();
}

void EventLoop::begin_stop() {
  post([this] { stop_now(); });
}

void EventLoop::stop_now() {
  stopping_ = true;
  timer_at_ = Clock::now() + server_.options.stop_timeout;
  for (const auto& session : open_sessions()) guard(*session, [](Session& one) { one.begin_stop(); });
}

std::vector<std::shared_ptr<Session>> EventLoop::open_sessions() const {
  std::vector<std::shared_ptr<Session>> open;
  open.reserve(sessions_.size());
  for (const auto& [key, session] : sessions_) open.push_back(session);
  return open;
}

void EventLoop::on_timer(Clock::time_point now) {
  if (stopping_) {
    timer_at_ = Clock::time_point::max();
    if (!sessions_.empty()) {
      server_.log->warn("{} clients did not take their replies in time and are disconnected",
                        sessions_.size());
    }
    for (const auto& session : open_sessions()) session->close();
    return;
  }
  timer_at_ = now + tick_interval(server_.options);
  server_.rates.sample(now);
  const Clock::duration not_run = std::exchange(not_run_, {});
  for (const auto& session : open_sessions())
    guard(*session, [now, not_run](Session& one) { one.tick(now, not_run); });
  let_those_without_memory_go_on();
  task_pool_.trim();
  if (server_.heap_trimmer.is_due(server_.client_memory.used())) server_.run_on_worker(&HeapTrimmer::trim);
  let_waiting_go_on();  // in case the last group's notice came before the loop wanted it
}

// The process was stopped, the machine slept, or a command took that long. The loop looks at what clients
// sent and took meanwhile before it judges their patience, and does not count the time against them.
void EventLoop::forgive(Clock::duration not_run, Clock::time_point now) {
  if (not_run >= kTick) {
    server_.log->warn("an event loop did not run for {:.1f} s: the process was stopped, or held up",
                      std::chrono::duration<double>(not_run).count());
  }
  if (stopping_) {
    if (timer_at_ != Clock::time_point::max()) timer_at_ += not_run;
    return;
  }
  not_run_ += not_run;
  timer_at_ = now + tick_interval(server_.options);
}

void EventLoop::adopt(Socket socket, std::string address, const protocol::ErrorReply* error) {
  assert(is_on_loop());
  if (stopping_) {
    (error == nullptr ? server_.counters.clients : server_.counters.turned_away).subtract();
    return;
  }
  const std::uint64_t id = server_.next_client_id.fetch_add(1, std::memory_order_relaxed);
  std::shared_ptr<Session> session;
  try {
    session = std::make_shared<Session>(*this, std::move(socket), std::move(address), id);
    sessions_.emplace(session.get(), session);
  } catch (const std::bad_alloc&) {
    (error == nullptr ? server_.counters.clients : server_.counters.turned_away).subtract();
    throw;
  }
  server_.log->debug("client {} ({}) connected", id, session->client().address);
  guard(*session, [error](Session& one) { error != nullptr ? one.turn_away(*error) : one.start(); });
  if (!session->is_open()) return;
  if (const Status status = poller_.add(session->socket(), session.get()); !status) {
    server_.log->warn("client {} ({}) closed: {}", id, session->client().address, status.message());
    session->close();
  }
}

void EventLoop::remove(Session& session) {
  (session.was_turned_away() ? server_.counters.turned_away : server_.counters.clients).subtract();
  poller_.remove(session.socket());
  const auto found = sessions_.find(&session);
  assert(is_on_loop() && found != sessions_.end());
  removed_.push_back(std::move(found->second));
  sessions_.erase(found);
}

void EventLoop::gather(TaskInFlight& one, std::shared_ptr<Session> session) {
  using Stage = TaskInFlight::Stage;
  assert(is_on_loop() && one.is_write && !one.session);
  assert(one.stage == Stage::kDone || one.stage == Stage::kWaiting || one.stage == Stage::kPreparing);
  gathered_.push_back(one.task.get());
  one.stage = Stage::kWithWriter;
  one.session = std::move(session);
  ++tasks_in_flight_;
}

void EventLoop::send_to_reader(TaskInFlight& one, TaskInFlight::Stage stage,
                               std::shared_ptr<Session> session) {
  using Stage = TaskInFlight::Stage;
  assert(is_on_loop() && !one.session);
  assert(stage == Stage::kPreparing ? one.stage == Stage::kDone || one.stage == Stage::kWaiting
                                    : stage == Stage::kLoading && one.stage == Stage::kPostponed);
  const Stage before = std::exchange(one.stage, stage);
  one.session = std::move(session);
  try {
    server_.store.run_on_reader([this, &one] {
      one.run_on_reader(server_.store);
      mailbox_.collect_and_wake(one);
    });
  } catch (const std::bad_alloc&) {
    one.session.reset();
    one.stage = before;
    throw;
  }
  ++tasks_in_flight_;
}

void EventLoop::hand_over() {
  if (gathered_.empty()) return;
  mailbox_.begin_handing_over();
  try {
    server_.store.commit_or_submit(gathered_);
  } catch (const std::bad_alloc&) {
    const Status none(StatusCode::kOutOfMemory, "the system has no memory left for the write");
    for (WriteTask* task : gathered_) task->done(none);
  }
  gathered_.clear();
  // Tasks that are done already are answered in this iteration.
  mailbox_.take_tasks(delivered_);
  deliver();
}

void EventLoop::end_turns() {
  ending_now_.swap(ending_);
  for (const auto& session : ending_now_) guard(*session, [](Session& one) { one.end_turn(); });
  ending_now_.clear();
  hand_over();
}

void EventLoop::deliver() {
  while (TaskInFlight* const task = delivered_.take()) {
    assert(tasks_in_flight_ > 0 && task->session);
    --tasks_in_flight_;
    std::shared_ptr<Session> session = std::move(task->session);
    guard(*session, [task](Session& one) { one.task_done(*task); });
    if (session->touch()) touched_.push_back(std::move(session));
  }
  for (const auto& session : touched_) guard(*session, [](Session& one) { one.take_turn(); });
  touched_.clear();
}

void EventLoop::let_sessions_go_on() {
  for (std::size_t left = std::min(going_on_.size(), kGoingOnAtOnce); left > 0 && budget_.has_left();
       --left) {
    const std::shared_ptr<Session> session = std::move(going_on_.front());
    going_on_.pop_front();
    guard(*session, [](Session& one) { one.go_on_now(); });
  }
}

// Sessions ask in the order in which they came; a session that still gets no memory waits again, behind the
// others.
void EventLoop::let_those_without_memory_go_on() {
  mailbox_.forget_memory();
  for (std::size_t left = std::min(waiting_for_memory_.size(), kGoingOnAtOnce); left > 0; --left) {
    const std::shared_ptr<Session> session = std::move(waiting_for_memory_.front());
    waiting_for_memory_.pop_front();
    guard(*session, [](Session& one) { one.memory_again(); });
  }
}

void EventLoop::wait_for_room(std::shared_ptr<Session> session) {
  assert(is_on_loop());
  waiting_for_room_.push_back(std::move(session));
  mailbox_.want_room();
  // The writer may have made room, and found that nothing waited for it, in between.
  if (!server_.store.is_saturated()) poller_.wake();
}

void EventLoop::let_waiting_go_on() {
  if (waiting_for_room_.empty()) return;
  if (server_.store.is_saturated()) return mailbox_.want_room();
  for (const auto& session : std::exchange(waiting_for_room_, {}))
    guard(*session, [](Session& one) { one.room_again(); });
}

}  // namespace minikv::server
