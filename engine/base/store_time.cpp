// Conversions between engine time and the wall clock.
#include "minikv/store_time.h"

namespace minikv {
namespace {

// Engine time advances by kSlow hundredths of a millisecond while the wall clock advances by one millisecond.
constexpr std::int64_t kSlow = 99, kCenti = 100;

// The roundest of the wall times from `first` to `last`: a client is most likely to have named that one.
std::int64_t roundest(std::int64_t first, std::int64_t last) {
  for (std::int64_t unit = 1000; unit > 1; unit /= 10) {
    const std::int64_t candidate = last - last % unit;
    if (candidate >= first) return candidate;
  }
  return last;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

}  // namespace

std::int64_t TimeLead::ends_ms() const {
  return exists() ? wall_ms + (engine_ms - wall_ms) * kCenti / (kCenti - kSlow) : wall_ms;
}

std::int64_t TimeLead::engine_centi_ms(std::int64_t wall) const {
  return engine_ms * kCenti + (wall - wall_ms) * kSlow;
}

std::int64_t TimeLead::to_engine(std::int64_t wall) const {
  if (!exists() || wall >= ends_ms()) return wall;
  // Moments that have passed are converted at the wall clock's pace: only their order matters.
  if (wall <= wall_ms) {
    std::int64_t engine = 0;
    return __builtin_add_overflow(wall, engine_ms - wall_ms, &engine) ? INT64_MIN : engine;
  }
  return -floor_div(-engine_centi_ms(wall), kCenti);
}

std::int64_t TimeLead::to_wall(std::int64_t engine) const {
  if (!exists() || engine >= ends_ms()) return engine;
  if (engine <= engine_ms) {
    std::int64_t wall = 0;
    return __builtin_sub_overflow(engine, engine_ms - wall_ms, &wall) ? INT64_MIN : wall;
  }
  const std::int64_t since_centi = (engine - engine_ms) * kCenti;
  return roundest(wall_ms + floor_div(since_centi - kCenti, kSlow) + 1,
                  wall_ms + floor_div(since_centi, kSlow));
}

}  // namespace minikv
