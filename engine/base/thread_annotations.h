// Clang's thread-safety attributes, and the mutexes that carry them. Under GCC they are nothing.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MINIKV_TSA(x) __attribute__((x))
#else
#define MINIKV_TSA(x)
#endif

#define CAPABILITY(x) MINIKV_TSA(capability(x))
#define SCOPED_CAPABILITY MINIKV_TSA(scoped_lockable)
#define GUARDED_BY(x) MINIKV_TSA(guarded_by(x))
#define PT_GUARDED_BY(x) MINIKV_TSA(pt_guarded_by(x))
#define REQUIRES(...) MINIKV_TSA(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) MINIKV_TSA(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...) MINIKV_TSA(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) MINIKV_TSA(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) MINIKV_TSA(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) MINIKV_TSA(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) MINIKV_TSA(release_generic_capability(__VA_ARGS__))
#define EXCLUDES(...) MINIKV_TSA(locks_excluded(__VA_ARGS__))
#define ASSERT_CAPABILITY(x) MINIKV_TSA(assert_capability(x))
#define ASSERT_SHARED_CAPABILITY(x) MINIKV_TSA(assert_shared_capability(x))
#define NO_THREAD_SAFETY_ANALYSIS MINIKV_TSA(no_thread_safety_analysis)

namespace minikv::engine {

// std::mutex, with attributes.
class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits release the mutex and take it again before they return; wake-ups may be spurious.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  template <typename TimePoint>
  void wait_until(Mutex& mutex, TimePoint deadline) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(lock, deadline);
    lock.release();
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace minikv::engine
