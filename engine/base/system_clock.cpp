// The clocks of the operating system.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <chrono>

#include "engine/base/clock.h"

namespace minikv::engine {
namespace {

template <typename Source>
std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Source::now().time_since_epoch()).count();
}

// A number made from the kernel's boot id, which is random for each boot; 0: it can't be read.
std::uint64_t read_boot_id() {
  char id[36];
  const int file = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t length = ::read(file, id, sizeof(id));
  ::close(file);
  if (length != static_cast<ssize_t>(sizeof(id))) return 0;
  std::uint64_t number = 0;
  for (const char digit : id) number = number * 31 + static_cast<unsigned char>(digit);
  return number;
}

class SystemClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms<std::chrono::system_clock>(); }
  std::int64_t steady_ms() const override { return now_ms<std::chrono::steady_clock>(); }
  std::int64_t coarse_ms() const override {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  }
  std::uint64_t boot() const override { return boot_; }

 private:
  const std::uint64_t boot_ = read_boot_id();
};

}  // namespace

Clock& Clock::system() {
  static SystemClock clock;
  return clock;
}

}  // namespace minikv::engine
