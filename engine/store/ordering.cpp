// The keys are put in order after a start, while the store is already in use: a third of the time that a start would take.

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>
#include <thread>

#include "engine/store/engine.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kChangesPerHold = 64;
constexpr auto kRetryOrder = std::chrono::milliseconds(200);

}  // namespace

bool SharedState::catch_up_with_order(std::size_t changes) {
  bool is_over = false;
  for (std::size_t made_good = 0; !is_over && made_good <= changes; made_good += kChangesPerHold) {
    if (made_good > 0) lock.let_readers_pass();
    ExclusiveGuard guard(lock);
    is_over = index.catch_up(kChangesPerHold);
  }
  if (is_over) in_order.open();
  return is_over;
}

void SharedState::need_order() {
  if (in_order.is_open()) return;
  const auto wait = [this] {
    lock.assert_writer_thread();
    return index.wait_until_order_is_built();
  };
  if (!wait()) throw std::bad_alloc();
  (void)catch_up_with_order(std::numeric_limits<std::size_t>::max() / 2);
}

void Engine::start_putting_in_order() {
  bool is_in_order = false;
  {
    SharedGuard guard(state_->lock);
    is_in_order = state_->index.is_in_order();
  }
  if (is_in_order) return state_->in_order.open();
  order_thread_ = std::thread([this] { put_in_order(); });
}

// False: the store is being closed.
bool Engine::build_order() {
  state_->lock.assert_alone();  // it needs no lock: see Index
  for (bool is_told = false; !closing_; is_told = true) {
    try {
      return state_->index.build_order(std::max(1U, std::thread::hardware_concurrency() / 2));
    } catch (const std::bad_alloc&) {
      if (!is_told)
        state_->log.error("{}: there is no memory to put the keys in order; it is tried again until there is",
                          state_->directory);
      std::this_thread::sleep_for(kRetryOrder);
    }
  }
  return false;
}

// Half of the processors: the others are for whoever uses the store meanwhile.
void Engine::put_in_order() {
  const std::int64_t begun_ms = state_->clock.steady_ms();
  state_->log.info("{}: the keys are being put in order; what walks over them waits", state_->directory);
  if (!build_order()) return;
  // Between two groups twice as many changes are made good as have come: so it ends, however much is written meanwhile.
  std::size_t left = std::numeric_limits<std::size_t>::max();
  const auto catch_up = [this, &left] {
    const auto changes = [this] {
      state_->lock.assert_writer_thread();
      return state_->index.changes_to_make_good();
    };
    const std::size_t all = changes();
    if (!state_->catch_up_with_order(2 * (all - std::min(all, left)))) left = changes();
  };
  while (!state_->in_order.is_open()) {
    const Status done = writer_->run_on_writer(catch_up);
    if (done.code() == StatusCode::kShutdown) return;  // the store is being closed
    if (!done) std::this_thread::sleep_for(kRetryOrder);
  }
  state_->log.info("{}: the keys are in order, after {} ms", state_->directory,
                   state_->clock.steady_ms() - begun_ms);
}

// After the writer has stopped. What waits for the order finds the store closed.
void Engine::stop_putting_in_order() {
  state_->lock.assert_alone();  // as above
  state_->index.give_up_order();
  if (order_thread_.joinable()) order_thread_.join();
  state_->in_order.open();
}

}  // namespace minikv::engine
