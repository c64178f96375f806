// Loaded into a program with LD_PRELOAD, this shifts its wall clock by what the file that CLOCK_SHIM_FILE
// names says: a signed number of milliseconds, 8 bytes, little-endian. Steady clocks go on as they are.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000, kNanosPerMilli = 1'000'000;

using Offset = std::atomic<std::int64_t>;
static_assert(sizeof(Offset) == sizeof(std::int64_t));

const Offset* map_offset() {
  const char* const path = std::getenv("CLOCK_SHIM_FILE");
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* const page = ::mmap(nullptr, sizeof(Offset), PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  return page == MAP_FAILED ? nullptr : static_cast<const Offset*>(page);
}

std::int64_t offset_ms() {
  static const Offset* const offset = map_offset();
  return offset == nullptr ? 0 : offset->load(std::memory_order_relaxed);
}

int shifted(clockid_t clock, timespec* now) {
  if (::syscall(SYS_clock_gettime, clock, now) != 0) return -1;
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return 0;
  const std::int64_t nanos =
      std::int64_t{now->tv_sec} * kNanosPerSecond + now->tv_nsec + offset_ms() * kNanosPerMilli;
  now->tv_sec = nanos / kNanosPerSecond;
  now->tv_nsec = nanos % kNanosPerSecond;
  return 0;
}

}  // namespace

extern "C" {

// The C library's own names for the parameters are reserved.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
int clock_gettime(clockid_t clock, timespec* now) noexcept { return shifted(clock, now); }

int gettimeofday(timeval* now, void* /*zone*/) noexcept {
  timespec exact{};
  if (shifted(CLOCK_REALTIME, &exact) != 0) return -1;
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* now) noexcept {
  timespec exact{};
  if (shifted(CLOCK_REALTIME, &exact) != 0) return -1;
  if (now != nullptr) *now = exact.tv_sec;
  return exact.tv_sec;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
}
