// Threads that make work faster and are not necessary for it.
#pragma once

#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace minikv::engine {

// Starts fewer threads than asked for if the system has no more threads, or no memory for them.
// Thread safety: not thread-safe.
class HelperThreads {
 public:
  HelperThreads() = default;
  HelperThreads(const HelperThreads&) = delete;
  HelperThreads& operator=(const HelperThreads&) = delete;
  ~HelperThreads() { join(); }

  // `work` must not throw.
  template <typename Work>
  void add(Work work) {
    try {
      threads_.reserve(threads_.size() + 1);
      threads_.emplace_back(std::move(work));
    } catch (const std::system_error&) {
      // The other threads do the work.
    } catch (const std::bad_alloc&) {
    }
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace minikv::engine
