#include "server/event_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <asio/post.hpp>

#include "server/server_state.h"
#include "server/session.h"

namespace minikv::server {

namespace {

// poll() would go on for as long as any client keeps its socket readable, and meanwhile nothing would be handed over.
constexpr int kHandlersPerIteration = 128;
constexpr std::chrono::milliseconds kTick{1000};

}  // namespace

EventLoop::EventLoop(ServerState& server) : server_(server) {}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
  schedule_tick();
  while (!stopping_ || !sessions_.empty() || tasks_in_flight_ > 0) {
    io_.run_one();
    for (int i = 1; i < kHandlersPerIteration && io_.poll_one() > 0; ++i) {
    }
    hand_over();
    end_turns();
  }
}

void EventLoop::begin_stop() {
  asio::post(io_, [this] { stop_now(); });
}

void EventLoop::stop_now() {
  stopping_ = true;
  tick_timer_.cancel();
  std::vector<std::shared_ptr<Session>> open;
  for (const auto& [key, session] : sessions_) open.push_back(session);
  for (const auto& session : open) session->begin_stop();

  stop_timer_.expires_after(server_.options.stop_timeout);
  stop_timer_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    if (!sessions_.empty()) {
      server_.log->warn("{} clients did not take their replies in time and are disconnected",
                        sessions_.size());
    }
    while (!sessions_.empty()) std::shared_ptr<Session>(sessions_.begin()->second)->close();
  });
}

void EventLoop::adopt(asio::ip::tcp::socket socket, const protocol::ErrorReply* error) {
  if (stopping_) {
    if (error == nullptr) server_.counters.clients.subtract();
    return;
  }
  const std::uint64_t id = server_.next_client_id.fetch_add(1, std::memory_order_relaxed);
  auto session = std::make_shared<Session>(*this, std::move(socket), id);
  sessions_.emplace(session.get(), session);
  server_.log->debug("client {} ({}) connected", id, session->client().address);
  if (error != nullptr) {
    session->turn_away(*error);
  } else {
    session->start();
  }
}

void EventLoop::remove(Session& session) {
  if (!session.was_turned_away()) server_.counters.clients.subtract();
  sessions_.erase(&session);
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
  server_.store.submit(gathered_);
  gathered_.clear();
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
  if (delivery_posted_) return;
  delivery_posted_ = true;
  asio::post(io_, [this] { deliver(); });
}

void EventLoop::wake() {
  {
    const engine::MutexLock lock(mutex_);
    if (delivery_posted_ || (collected_.empty() && !room_wanted_)) return;
    delivery_posted_ = true;
  }
  asio::post(io_, [this] { deliver(); });
}

void EventLoop::deliver() {
  std::vector<Task*> done;
  {
    const engine::MutexLock lock(mutex_);
    done.swap(collected_);
    delivery_posted_ = false;
    room_wanted_ = false;
  }
  tasks_in_flight_ -= done.size();
  std::vector<std::shared_ptr<Session>> touched;
  for (Task* task : done) {
    std::shared_ptr<Session> session = std::move(task->session_);
    session->task_done(*task);
    if (session->touch()) touched.push_back(std::move(session));
  }
  for (const auto& session : touched) session->take_turn();
  let_waiting_go_on();
}

void EventLoop::wait_for_room(std::shared_ptr<Session> session) {
  waiting_for_room_.push_back(std::move(session));
  {
    const engine::MutexLock lock(mutex_);
    room_wanted_ = true;
  }
  // The writer may have made room, and found nobody who wanted to know, in between.
  if (!server_.store.is_saturated()) asio::post(io_, [this] { let_waiting_go_on(); });
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

void EventLoop::schedule_tick() {
  tick_timer_.expires_after(
      std::min(kTick, server_.options.stall_timeout / 4 + std::chrono::milliseconds(1)));
  tick_timer_.async_wait([this](const asio::error_code& error) {
    if (error || stopping_) return;
    std::vector<std::shared_ptr<Session>> open;
    open.reserve(sessions_.size());
    for (const auto& [key, session] : sessions_) open.push_back(session);
    const auto now = std::chrono::steady_clock::now();
    for (const auto& session : open) session->tick(now);
    let_waiting_go_on();  // in case the last group's notice and the wish for it missed each other
    schedule_tick();
  });
}

}  // namespace minikv::server
