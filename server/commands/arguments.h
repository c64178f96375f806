// Options within the arguments of a request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "minikv/transaction.h"
#include "protocol/ascii.h"
#include "protocol/number.h"
#include "protocol/request.h"

namespace minikv::server {

// Walks over arguments that have option words among them.
class ArgumentReader {
 public:
  explicit ArgumentReader(std::span<const protocol::Arg> args) : left_(args) {}

  bool done() const { return left_.empty(); }
  std::string_view peek() const { return left_.front().bytes; }
  // Whether the next argument is this option word, which a quoted one never is. If so, takes it.
  bool take_word(std::string_view word) {
    const bool is_it = !done() && !left_.front().quoted && protocol::equals_ignoring_case(peek(), word);
    if (is_it) left_ = left_.subspan(1);
    return is_it;
  }
  protocol::Arg take() {
    const protocol::Arg arg = left_.front();
    left_ = left_.subspan(1);
    return arg;
  }

 private:
  std::span<const protocol::Arg> left_;
};

// When a key is to expire, as a client says it: by the wall clock.
struct Expiry {
  enum class Kind : std::uint8_t { kNever, kAsBefore, kIn, kAt };
  Kind kind = Kind::kNever;
  std::int64_t ms = 0;  // kIn: from now; kAt: since 1970

  // The expiry in engine time; `before_ms` is in engine time, too.
  std::int64_t resolve(const StoreTime& now, std::int64_t before_ms) const {
    switch (kind) {
      case Kind::kNever: return kNoExpiry;
      case Kind::kAsBefore: return before_ms;
      case Kind::kAt: return now.to_engine(ms);
      case Kind::kIn: break;
    }
    std::int64_t at = 0;
    return __builtin_add_overflow(now.client_ms(), ms, &at) ? INT64_MAX : now.to_engine(at);
  }
};

// Accepts the operand of EX, PX, EXAT and PXAT (`unit_ms` 1000 or 1) as Redis does: the number has to be
// positive. If it counts from now, its sum with `now_ms` has to be a time. Otherwise nothing.
inline std::optional<Expiry> make_expiry(std::int64_t count, std::int64_t unit_ms, Expiry::Kind kind,
                                         std::int64_t now_ms) {
  if (count <= 0 || count > INT64_MAX / unit_ms) return std::nullopt;
  const std::int64_t ms = count * unit_ms;
  if (kind == Expiry::Kind::kIn && ms > INT64_MAX - now_ms) return std::nullopt;
  return Expiry{kind, ms};
}

}  // namespace minikv::server
