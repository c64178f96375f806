// The program's operator new, which counts and fails.
#include "tests/memory/failing_new.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace minikv::test {
namespace {

constexpr std::uint64_t kNever = UINT64_MAX;

std::atomic<bool> is_on{false};
std::atomic<std::uint64_t> count{0}, first{kNever}, last{kNever}, failures{0}, one_in{0};
thread_local bool is_exempt = false;

bool has_to_fail() {
  if (!is_on.load(std::memory_order_relaxed) || is_exempt) return false;
  const std::uint64_t number = count.fetch_add(1, std::memory_order_relaxed) + 1;
  bool fails =
      number >= first.load(std::memory_order_relaxed) && number <= last.load(std::memory_order_relaxed);
  if (const std::uint64_t n = one_in.load(std::memory_order_relaxed); n != 0) {
    // As good as by chance.
    fails = (number * 0x9E3779B97F4A7C15U >> 32) % n == 0;
  }
  if (fails) failures.fetch_add(1, std::memory_order_relaxed);
  return fails;
}

void* allocate(std::size_t bytes) {
  void* const memory = has_to_fail() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* allocate(std::size_t bytes, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  void* const memory = has_to_fail() ? nullptr : std::aligned_alloc(step, (bytes + step - 1) / step * step);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void begin(std::uint64_t from, std::uint64_t to, std::uint64_t n) {
  count = failures = 0;
  first = from;
  last = to;
  one_in = n;
  is_on = true;
}

}  // namespace

void FailingNew::fail_at(std::uint64_t n, std::uint64_t more) {
  begin(n, more > kNever - n ? kNever : n + more, 0);
}
void FailingNew::fail_one_in(std::uint64_t n) { begin(kNever, kNever, n); }
void FailingNew::stop_failing() { is_on = false; }
std::uint64_t FailingNew::asked() { return count; }
std::uint64_t FailingNew::failed() { return failures; }
void FailingNew::exempt_this_thread() { is_exempt = true; }

FailingNew::InCall::InCall() { is_exempt = false; }
FailingNew::InCall::~InCall() { is_exempt = true; }
FailingNew::NotInCall::NotInCall() : before_(is_exempt) { is_exempt = true; }
FailingNew::NotInCall::~NotInCall() { is_exempt = before_; }

}  // namespace minikv::test

void* operator new(std::size_t bytes) { return minikv::test::allocate(bytes); }
void* operator new[](std::size_t bytes) { return minikv::test::allocate(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return minikv::test::allocate(bytes, alignment);
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return minikv::test::allocate(bytes, alignment);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return minikv::test::allocate(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t bytes, const std::nothrow_t& tag) noexcept {
  return operator new(bytes, tag);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
