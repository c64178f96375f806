// The shares of the budget are atomic counters; the queue of those that wait is under a lock.
#include "server/memory/client_memory.h"

#include <algorithm>
#include <cassert>

#include "server/memory/machine_memory.h"

namespace minikv::server {

namespace {

std::uint64_t sixteenths_of(ClientMemory::Grade grade) {
  switch (grade) {
    case ClientMemory::Grade::kAny: return 7;
    case ClientMemory::Grade::kSmall: return 9;
    case ClientMemory::Grade::kEmpty: return 10;
    case ClientMemory::Grade::kFirst: return 6;
  }
  return 0;
}

}  // namespace

bool ClientMemory::try_take(std::uint64_t bytes, Grade grade) {
  std::atomic<std::uint64_t>& part = grade == Grade::kFirst ? first_ : shared_;
  const std::uint64_t most = limit_ / 16 * sixteenths_of(grade);
  std::uint64_t used = part.load(std::memory_order_relaxed);
  do {
    if (used > most || bytes > most - used) return false;
  } while (!part.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

void ClientMemory::give_back(std::uint64_t shared, std::uint64_t first) {
  assert(shared <= shared_.load() && first <= first_.load());
  if (shared > 0) shared_.fetch_sub(shared, std::memory_order_seq_cst);
  if (first > 0) first_.fetch_sub(first, std::memory_order_seq_cst);
  if (waiting_.load(std::memory_order_seq_cst) > 0 && tell_) tell_();
}

ClientMemory::Ticket ClientMemory::join_queue() {
  const engine::MutexLock lock(mutex_);
  const Ticket ticket = next_ticket_++;
  queue_.insert(ticket);
  waiting_.store(queue_.size(), std::memory_order_seq_cst);
  return ticket;
}

void ClientMemory::leave_queue(Ticket ticket) {
  bool others_wait = false;
  {
    const engine::MutexLock lock(mutex_);
    const bool was_first = !queue_.empty() && *queue_.begin() == ticket;
    [[maybe_unused]] const std::size_t left = queue_.erase(ticket);
    assert(left == 1);
    waiting_.store(queue_.size(), std::memory_order_seq_cst);
    others_wait = was_first && !queue_.empty();
  }
  if (others_wait && tell_) tell_();
}

bool ClientMemory::is_first(Ticket ticket) const {
  const engine::MutexLock lock(mutex_);
  return !queue_.empty() && *queue_.begin() == ticket;
}

std::uint64_t default_client_memory(std::uint64_t max_value_bytes) {
  constexpr std::uint64_t kBesideTheValue = std::uint64_t{2} << 20;
  const std::uint64_t for_one = max_value_bytes + kBesideTheValue;
  return std::max({usable_memory() / 4, for_one / 3 * 8 + 8, std::uint64_t{64} << 20});
}

}  // namespace minikv::server
