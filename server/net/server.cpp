// Starting and stopping the network half.
#include "server/net/server.h"

#include <algorithm>
#include <cassert>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <fmt/format.h>

#include "engine/base/thread_annotations.h"
#include "server/net/acceptor.h"
#include "server/net/event_loop.h"
#include "server/request/state.h"

namespace minikv::server {

namespace {

// Tells the event loops that the writer is done with a group. An object of its own, because the store may
// keep its callback for longer than the server lives.
class GroupSignal {
 public:
  explicit GroupSignal(std::vector<EventLoop*> loops) : loops_(std::move(loops)) {}
  void raise() MINIKV_EXCLUDES(mutex_) {
    const engine::MutexLock lock(mutex_);
    for (EventLoop* loop : loops_) loop->mailbox().group_is_done();
  }
  void silence() MINIKV_EXCLUDES(mutex_) {
    const engine::MutexLock lock(mutex_);
    loops_.clear();
  }

 private:
  engine::Mutex mutex_;
  std::vector<EventLoop*> loops_ MINIKV_GUARDED_BY(mutex_);
};

// Limits the parser so that the store takes every request that the parser lets through.
ServerOptions within_limits_of(const Store& store, ServerOptions options) {
  const Options& limits = store.options();
  protocol::ParserLimits& parser = options.parser;
  parser.max_key_bytes = std::min<std::size_t>(parser.max_key_bytes, limits.max_key_bytes);
  parser.max_value_bytes = std::min<std::size_t>(parser.max_value_bytes, limits.max_value_bytes);
  parser.max_request_bytes = std::min<std::size_t>(parser.max_request_bytes, limits.max_batch_bytes);
  return options;
}

}  // namespace

std::string random_run_id() {
  std::random_device random;
  std::string id;
  while (id.size() < 40) id += fmt::format("{:08x}", random());
  return id;
}

class Server::Impl {
 public:
  Impl(ServerOptions options, Listener listener, Store& store, std::shared_ptr<spdlog::logger> logger)
      : state_(within_limits_of(store, std::move(options)), store, std::move(logger)),
        listener_(std::move(listener)) {
    state_.port = listener_.port();
    state_.run_on_worker = [this](std::function<void()> work) { asio::post(workers_, std::move(work)); };
    state_.run_long = [this](std::function<void()> work) { asio::post(long_workers_, std::move(work)); };
  }

  Status start() {
    assert(threads_.empty() && !signal_);
    std::vector<EventLoop*> loops;
    for (unsigned i = 0; i < std::max(1U, state_.options.io_threads); ++i) {
      loops_.push_back(std::make_unique<EventLoop>(state_));
      loops.push_back(loops_.back().get());
    }
    acceptor_ = std::make_unique<Acceptor>(state_, loops_);
    const std::vector<std::string> addresses = listener_.addresses();
    Status status;
    for (const auto& loop : loops_) {
      if (status) status = loop->open();
    }
    if (status) status = acceptor_->listen(std::move(listener_));
    if (!status) {
      acceptor_.reset();
      loops_.clear();
      return status;
    }
    state_.client_memory.on_change([this] {
      for (const auto& loop : loops_) loop->mailbox().memory_is_free();
    });
    signal_ = std::make_shared<GroupSignal>(std::move(loops));
    state_.store.on_group_done([signal = signal_] { signal->raise(); });
    for (const auto& loop : loops_) threads_.emplace_back([&loop = *loop] { loop.run(); });
    acceptor_->start();
    for (const std::string& address : addresses) state_.log->info("listening on {}", address);
    return {};
  }

  void stop() {
    if (threads_.empty()) return;
    state_.is_stopping = true;
    acceptor_->close();
    for (const auto& loop : loops_) loop->begin_stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    signal_->silence();
  }

  // A compaction that a client asked for may still be under way: Store::close() ends it.
  void join_workers() {
    workers_.join();
    long_workers_.join();
  }

  std::uint16_t port() const { return state_.port; }

 private:
  ServerState state_;
  Listener listener_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::unique_ptr<Acceptor> acceptor_;
  std::shared_ptr<GroupSignal> signal_;
  std::vector<std::thread> threads_;
  asio::thread_pool workers_{2};
  asio::thread_pool long_workers_{1};
};

Server::Server(ServerOptions options, Listener listener, Store& store, std::shared_ptr<spdlog::logger> logger)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(listener), store, std::move(logger))) {}

Server::~Server() {
  stop();
  impl_->join_workers();
}

Status Server::start() { return impl_->start(); }
void Server::stop() { impl_->stop(); }
std::uint16_t Server::port() const { return impl_->port(); }

}  // namespace minikv::server
