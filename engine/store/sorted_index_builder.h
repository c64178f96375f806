// Builds the sorted index after a start, while the store is already in use: the build would take a third of
// the start's time.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

#include "engine/commit/writer.h"
#include "engine/core/state.h"

namespace minikv::engine {

// A thread sorts the keys and builds the tree beside everything else. Changes that come meanwhile are
// pending, and the writer applies them between two groups. Then SharedState::in_order opens.
//
// Thread safety: start() and stop() by one thread.
class SortedIndexBuilder {
 public:
  // Both must outlive it.
  SortedIndexBuilder(SharedState& state, Writer& writer) : state_(state), writer_(writer) {}
  ~SortedIndexBuilder() { stop(); }
  SortedIndexBuilder(const SortedIndexBuilder&) = delete;
  SortedIndexBuilder& operator=(const SortedIndexBuilder&) = delete;

  // To be called once, after the writer has been started. Opens the gate at once if the index is sorted
  // already.
  void start();
  // To be called after the writer has stopped. Threads that wait at the gate find the store closed.
  void stop();

 private:
  void run();
  // False: the build was given up.
  bool build();
  std::size_t pending_changes() const;

  SharedState& state_;
  Writer& writer_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace minikv::engine
