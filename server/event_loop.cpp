#include "server/event_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/server_state.h"
#include "server/session.h"

namespace minikv::server {

namespace {

constexpr std::size_t kGoingOnAtOnce = 128;  // so many sessions; the same as events at once
constexpr std::chrono::milliseconds kTick{1000};

std::chrono::milliseconds tick_interval(const ServerOptions& options) {
  return std::min(kTick, options.stall_timeout / 4 + std::chrono::milliseconds(1));
}

}  // namespace

EventLoop::EventLoop(ServerState& server) : server_(server) {}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
  Clock::time_point now = Clock::now();
  timer_at_ = now + tick_interval(server_.options);
  while (!stopping_ || !sessions_.empty() || tasks_in_flight_ > 0) {
    const bool is_idle = going_on_.empty() && ending_.empty() && gathered_.empty();
    const Clock::duration patience =
        timer_at_ == Clock::time_point::max() ? Clock::duration::max() : timer_at_ - now;
    const Poller::Waited waited = poller_.wait(is_idle ? patience : Clock::duration::zero());
    let_sessions_go_on();
    for (const epoll_event& event : waited.events)
      static_cast<Session*>(event.data.ptr)->on_event(event.events);
    if (waited.woken) read_mail();  // after what came before it: a client's last requests before begin_stop()
    now = Clock::now();
    if (now >= timer_at_) on_timer(now);
    hand_over();
    end_turns();
    removed_.clear();
  }
}

void EventLoop::post(std::function<void()> function) {
  {
    const engine::MutexLock lock(mutex_);
    posted_.push_back(std::move(function));
  }
  poller_.wake();
}

void EventLoop::read_mail() {
  std::vector<std::function<void()>> posted;
  {
    const engine::MutexLock lock(mutex_);
    posted.swap(posted_);
    delivered_.swap(collected_);
    room_wanted_ = false;
  }
  for (const auto& function : posted) function();
  deliver();
  let_waiting_go_on();
}

void EventLoop::begin_stop() {
  post([this] { stop_now(); });
}

void EventLoop::stop_now() {
  stopping_ = true;
  timer_at_ = Clock::now() + server_.options.stop_timeout;
  for (const auto& session : open_sessions()) session->begin_stop();
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
  for (const auto& session : open_sessions()) session->tick(now);
  let_waiting_go_on();  // in case the last group's notice and the wish for it missed each other
}

void EventLoop::adopt(Socket socket, std::string address, const protocol::ErrorReply* error) {
  if (stopping_) {
    if (error == nullptr) server_.counters.clients.subtract();
    return;
  }
  const std::uint64_t id = server_.next_client_id.fetch_add(1, std::memory_order_relaxed);
  const auto session = std::make_shared<Session>(*this, std::move(socket), std::move(address), id);
  sessions_.emplace(session.get(), session);
  server_.log->debug("client {} ({}) connected", id, session->client().address);
  if (error != nullptr) {
    session->turn_away(*error);
  } else {
    session->start();
  }
  if (!session->is_open()) return;
  if (const Status status = poller_.add(session->socket(), session.get()); !status) {
    server_.log->warn("client {} ({}) closed: {}", id, session->client().address, status.message());
    session->close();
  }
}

void EventLoop::remove(Session& session) {
  if (!session.was_turned_away()) server_.counters.clients.subtract();
  poller_.remove(session.socket());
  const auto found = sessions_.find(&session);
  removed_.push_back(std::move(found->second));
  sessions_.erase(found);
}

void EventLoop::gather(Task& task) {
  ++tasks_in_flight_;
  gathered_.push_back(&task);  // comes back through collect()
}

void EventLoop::send_to_reader(Task& task) {
  ++tasks_in_flight_;
  server_.store.run_on_reader([this, &task] {
    task.run_on_reader(server_.store);
    collect_and_wake(task);
  });
}

void EventLoop::hand_over() {
  if (gathered_.empty()) return;
  {
    const engine::MutexLock lock(mutex_);
    is_collecting_ = true;
  }
  server_.store.commit_or_submit(gathered_);
  gathered_.clear();
  // If they are done already, the answers leave in this iteration.
  {
    const engine::MutexLock lock(mutex_);
    is_collecting_ = false;
    delivered_.swap(collected_);
  }
  deliver();
}

void EventLoop::end_turns() {
  ending_now_.swap(ending_);
  for (const auto& session : ending_now_) session->end_turn();
  ending_now_.clear();
  hand_over();
}

void EventLoop::collect(Task& task) {
  const engine::MutexLock lock(mutex_);
  collected_.push_back(&task);
}

void EventLoop::collect_and_wake(Task& task) {
  // All under the lock: once the task has been delivered, the loop may end.
  const engine::MutexLock lock(mutex_);
  collected_.push_back(&task);
  poller_.wake();
}

void EventLoop::wake() {
  {
    const engine::MutexLock lock(mutex_);
    if ((collected_.empty() || is_collecting_) && !room_wanted_) return;
  }
  poller_.wake();
}

void EventLoop::deliver() {
  tasks_in_flight_ -= delivered_.size();
  for (Task* task : delivered_) {
    std::shared_ptr<Session> session = std::move(task->session_);
    session->task_done(*task);
    if (session->touch()) touched_.push_back(std::move(session));
  }
  delivered_.clear();
  for (const auto& session : touched_) session->take_turn();
  touched_.clear();
}

void EventLoop::let_sessions_go_on() {
  for (std::size_t left = std::min(going_on_.size(), kGoingOnAtOnce); left > 0; --left) {
    const std::shared_ptr<Session> session = std::move(going_on_.front());
    going_on_.pop_front();
    session->go_on_now();
  }
}

void EventLoop::wait_for_room(std::shared_ptr<Session> session) {
  waiting_for_room_.push_back(std::move(session));
  {
    const engine::MutexLock lock(mutex_);
    room_wanted_ = true;
  }
  // The writer may have made room, and found nobody who wanted to know, in between.
  if (!server_.store.is_saturated()) poller_.wake();
}

void EventLoop::let_waiting_go_on() {
  if (waiting_for_room_.empty()) return;
  if (server_.store.is_saturated()) {
    const engine::MutexLock lock(mutex_);
    room_wanted_ = true;
    return;
  }
  for (const auto& session : std::exchange(waiting_for_room_, {})) session->room_again();
}

}  // namespace minikv::server
