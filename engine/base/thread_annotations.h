// Clang's thread-safety attributes, and the mutexes that carry them. Under GCC they are nothing.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MINIKV_TSA(x) __attribute__((x))
#else
#define MINIKV_TSA(x)
#endif

#define MINIKV_CAPABILITY(x) MINIKV_TSA(capability(x))
#define MINIKV_SCOPED_CAPABILITY MINIKV_TSA(scoped_lockable)
#define MINIKV_GUARDED_BY(x) MINIKV_TSA(guarded_by(x))
#define MINIKV_PT_GUARDED_BY(x) MINIKV_TSA(pt_guarded_by(x))
#define MINIKV_REQUIRES(...) MINIKV_TSA(requires_capability(__VA_ARGS__))
#define MINIKV_REQUIRES_SHARED(...) MINIKV_TSA(requires_shared_capability(__VA_ARGS__))
#define MINIKV_ACQUIRE(...) MINIKV_TSA(acquire_capability(__VA_ARGS__))
#define MINIKV_ACQUIRE_SHARED(...) MINIKV_TSA(acquire_shared_capability(__VA_ARGS__))
#define MINIKV_TRY_ACQUIRE(...) MINIKV_TSA(try_acquire_capability(__VA_ARGS__))
#define MINIKV_RELEASE(...) MINIKV_TSA(release_capability(__VA_ARGS__))
#define MINIKV_RELEASE_SHARED(...) MINIKV_TSA(release_shared_capability(__VA_ARGS__))
#define MINIKV_RELEASE_GENERIC(...) MINIKV_TSA(release_generic_capability(__VA_ARGS__))
#define MINIKV_EXCLUDES(...) MINIKV_TSA(locks_excluded(__VA_ARGS__))
#define MINIKV_RETURN_CAPABILITY(x) MINIKV_TSA(lock_returned(x))
#define MINIKV_ASSERT_CAPABILITY(x) MINIKV_TSA(assert_capability(x))
#define MINIKV_ASSERT_SHARED_CAPABILITY(x) MINIKV_TSA(assert_shared_capability(x))
#define MINIKV_NO_THREAD_SAFETY_ANALYSIS MINIKV_TSA(no_thread_safety_analysis)

namespace minikv::engine {

// std::mutex, with attributes.
class MINIKV_CAPABILITY("mutex") Mutex {
 public:
  void lock() MINIKV_ACQUIRE() { mutex_.lock(); }
  bool try_lock() MINIKV_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void unlock() MINIKV_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class MINIKV_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) MINIKV_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() MINIKV_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits release the mutex and take it again before they return; wake-ups may be spurious.
class CondVar {
 public:
  void wait(Mutex& mutex) MINIKV_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  template <typename TimePoint>
  void wait_until(Mutex& mutex, TimePoint deadline) MINIKV_REQUIRES(mutex) {
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
