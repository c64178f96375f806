// Builds the sorted index on a thread of its own, and has the writer apply what is pending.
#include "engine/store/sorted_index_builder.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <limits>
#include <new>
#include <thread>

namespace minikv::engine {
namespace {

constexpr auto kRetry = std::chrono::milliseconds(200);

}  // namespace

void SortedIndexBuilder::start() {
  assert(!thread_.joinable() && !stopping_ && "start() once, and not after stop()");
  bool is_in_order = false;
  {
    SharedGuard guard(state_.lock);
    is_in_order = state_.index.is_in_order();
  }
  if (is_in_order) return state_.in_order.open();
  thread_ = std::thread([this] { run(); });
}

void SortedIndexBuilder::stop() {
  stopping_ = true;
  state_.lock.assert_alone();  // the call needs no lock: see Index
  state_.index.give_up_order();
  if (thread_.joinable()) thread_.join();
  state_.in_order.open();
}

// Builds with half of the processors, and leaves the others to the requests that come meanwhile.
bool SortedIndexBuilder::build() {
  state_.lock.assert_alone();  // as above
  for (bool is_told = false; !stopping_; is_told = true) {
    try {
      return state_.index.build_order(std::max(1U, std::thread::hardware_concurrency() / 2));
    } catch (const std::bad_alloc&) {
      if (!is_told)
        state_.log.error("{}: there is no memory to build the sorted index; it is tried again until there is",
                         state_.directory);
      std::this_thread::sleep_for(kRetry);
    }
  }
  return false;
}

std::size_t SortedIndexBuilder::pending_changes() const {
  state_.lock.assert_writer_thread();
  return state_.index.pending_changes();
}

void SortedIndexBuilder::run() {
  const std::int64_t begun_ms = state_.clock.steady_ms();
  state_.log.info("{}: the sorted index is being built; commands that walk over keys wait", state_.directory);
  if (!build()) return;
  // Between two groups the writer applies twice as many changes as have come, so that the end comes however
  // much is written meanwhile.
  std::size_t left = std::numeric_limits<std::size_t>::max();
  const auto apply_some = [this, &left] {
    const std::size_t all = pending_changes();
    if (!state_.apply_pending_changes(2 * (all - std::min(all, left)))) left = pending_changes();
  };
  while (!state_.in_order.is_open()) {
    const Status done = writer_.run_on_writer(apply_some);
    if (done.code() == StatusCode::kShutdown) return;  // the store is being closed
    if (!done) std::this_thread::sleep_for(kRetry);
  }
  state_.log.info("{}: the sorted index is built, after {} ms", state_.directory,
                  state_.clock.steady_ms() - begun_ms);
}

}  // namespace minikv::engine
