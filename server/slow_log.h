// The commands that took long.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "protocol/request.h"

namespace minikv::server {

// Keeps the newest of them. What a command takes is counted from when it is looked at to when its reply is made, waiting
// for the disk included.
// Thread safety: all members may be called from any thread.
class SlowLog {
 public:
  struct Entry {
    std::uint64_t id = 0;
    std::int64_t unix_seconds = 0;
    std::int64_t micros = 0;
    std::vector<std::string> args;  // the verb first; long ones, and many, are cut
    std::string client_address;
    std::string client_name;
  };

  // Commands that take `slower_than` or longer are kept, up to `most` of them.
  SlowLog(std::chrono::microseconds slower_than, std::size_t most) : slower_than_(slower_than), most_(most) {}

  bool is_slow(std::chrono::steady_clock::duration took) const { return took >= slower_than_ && most_ != 0; }
  void add(Entry entry) MINIKV_EXCLUDES(mutex_);
  // The newest first; up to `count` of them.
  std::vector<Entry> newest(std::size_t count) const MINIKV_EXCLUDES(mutex_);
  std::size_t size() const MINIKV_EXCLUDES(mutex_);
  void clear() MINIKV_EXCLUDES(mutex_);

  // What of a command is kept.
  static std::vector<std::string> summary(const protocol::CommandSpec& command,
                                          std::span<const protocol::Arg> args);

 private:
  const std::chrono::microseconds slower_than_;
  const std::size_t most_;
  mutable engine::Mutex mutex_;
  std::deque<Entry> entries_ MINIKV_GUARDED_BY(mutex_);
  std::uint64_t next_id_ MINIKV_GUARDED_BY(mutex_) = 0;
};

}  // namespace minikv::server
