// Keeps a store from putting its keys in order after a start, until a test says so.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>

#include "minikv/options.h"

namespace minikv::test {

// The thread that puts them in order says first that it does, and is kept where it says so. Only stores of ten thousand
// keys or more do it beside their use.
//
// Thread safety: none, but log() may be called by any thread.
class OrderBlock {
 public:
  ~OrderBlock() { release(); }
  OrderBlock() = default;
  OrderBlock(const OrderBlock&) = delete;
  OrderBlock& operator=(const OrderBlock&) = delete;

  // For Options::log.
  auto log() const {
    return [gate = gate_](LogLevel, std::string_view words) {
      if (words.find("being put in order") == std::string_view::npos) return;
      std::unique_lock lock(gate->mutex);
      gate->changed.wait(lock, [&] { return gate->open; });
    };
  }
  void release() {
    const std::lock_guard lock(gate_->mutex);
    gate_->open = true;
    gate_->changed.notify_all();
  }

 private:
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
  };
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace minikv::test
