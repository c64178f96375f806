// Keeps a store's readers busy, so that what is not in memory stays where it is until a test says so.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "minikv/store.h"

namespace minikv::sim {

// Thread safety: none.
class ReaderBlock {
 public:
  // All readers of the store are busy when the constructor returns.
  explicit ReaderBlock(const Store& store) {
    for (unsigned i = 0; i < store.options().reader_threads; ++i) {
      store.run_on_reader([gate = gate_] {
        std::unique_lock lock(gate->mutex);
        ++gate->busy;
        gate->changed.notify_all();
        gate->changed.wait(lock, [&] { return gate->open; });
      });
    }
    std::unique_lock lock(gate_->mutex);
    gate_->changed.wait(lock, [&] { return gate_->busy == store.options().reader_threads; });
  }
  ~ReaderBlock() { release(); }
  ReaderBlock(const ReaderBlock&) = delete;
  ReaderBlock& operator=(const ReaderBlock&) = delete;

  void release() {
    const std::lock_guard lock(gate_->mutex);
    gate_->open = true;
    gate_->changed.notify_all();
  }

 private:
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    unsigned busy = 0;
    bool open = false;
  };
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace minikv::sim
