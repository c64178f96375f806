// Keeps a store from putting its keys in order after a start, until a test says so.
#pragma once

#include <memory>
#include <string_view>

#include "engine/base/gate.h"
#include "minikv/options.h"

namespace minikv::test {

// The thread that puts them in order says first that it does, and is kept where it says so. Only stores of
// ten thousand keys or more do it beside their use.
//
// Thread safety: all members may be called from any thread.
class OrderBlock {
 public:
  OrderBlock() = default;
  ~OrderBlock() { release(); }
  OrderBlock(const OrderBlock&) = delete;
  OrderBlock& operator=(const OrderBlock&) = delete;

  // For Options::log.
  auto log() const {
    return [gate = gate_](LogLevel, std::string_view words) {
      if (words.find("sorted index is being built") != std::string_view::npos) gate->wait();
    };
  }
  void release() { gate_->open(); }

 private:
  std::shared_ptr<engine::Gate> gate_ = std::make_shared<engine::Gate>();
};

}  // namespace minikv::test
