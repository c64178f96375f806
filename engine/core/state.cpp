// How the sorted index is completed: by the writer, from the changes that came while it was built.
#include "engine/core/state.h"

#include <cassert>
#include <limits>
#include <new>

namespace minikv::engine {
namespace {

constexpr std::size_t kChangesPerHold = 64;

}  // namespace

bool SharedState::apply_pending_changes(std::size_t changes) {
  bool is_over = false;
  for (std::size_t applied = 0; !is_over && applied <= changes; applied += kChangesPerHold) {
    if (applied > 0) lock.let_readers_pass();
    ExclusiveGuard guard(lock);
    is_over = index.apply_pending_changes(kChangesPerHold);
  }
  if (is_over) in_order.open();
  return is_over;
}

void SharedState::need_sorted_index() {
  if (in_order.is_open()) return;
  const auto wait = [this] {
    lock.assert_writer_thread();
    return index.wait_until_order_is_built();
  };
  if (!wait()) throw std::bad_alloc();
  const bool is_over = apply_pending_changes(std::numeric_limits<std::size_t>::max() / 2);
  assert(is_over && "only the writer makes changes, and this is the writer");
  (void)is_over;
}

}  // namespace minikv::engine
