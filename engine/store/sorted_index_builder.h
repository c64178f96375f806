// The sorted index is built after a start, while the store is already in use: a third of the time that a
// start would take.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

#include "engine/commit/writer.h"
#include "engine/core/state.h"

namespace minikv::engine {

// A thread sorts the keys and builds the tree beside everything else; what changes meanwhile is pending, and
// the writer applies it between two groups. Then SharedState::in_order opens.
//
// Thread safety: start() and stop() by one thread.
class SortedIndexBuilder {
 public:
  // Both must outlive it.
  SortedIndexBuilder(SharedState& state, Writer& writer) : state_(state), writer_(writer) {}
  ~SortedIndexBuilder() { stop(); }
  SortedIndexBuilder(const SortedIndexBuilder&) = delete;
  SortedIndexBuilder& operator=(const SortedIndexBuilder&) = delete;

  // Once, after the writer has been started. Opens the gate at once where the index is sorted already.
  void start();
  // After the writer has stopped. What waits at the gate finds the store closed.
  void stop();

 private:
  void run();
  // False: it was given up.
  bool build();
  std::size_t pending_changes() const;

  SharedState& state_;
  Writer& writer_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace minikv::engine
