// Reads the options of a put one after the other, each at most once.
#include "protocol/put_header.h"

#include <cstddef>
#include <limits>
#include <string_view>

#include "protocol/ascii.h"
#include "protocol/number.h"

namespace minikv::protocol {
namespace {

constexpr std::uint64_t kMaxExpiryMs = std::numeric_limits<std::int64_t>::max();

// Reads options one by one and remembers which have been there.
class PutOptions {
 public:
  PutOptions(const CommandSpec& put, std::span<const Arg> left) : put_(put), left_(left) {}

  std::optional<ErrorReply> check() {
    while (!left_.empty()) {
      if (auto error = check_one(take())) return error;
    }
    return std::nullopt;
  }

 private:
  Arg take() {
    const Arg arg = left_.front();
    left_ = left_.subspan(1);
    return arg;
  }

  std::optional<ErrorReply> check_one(const Arg& option) {
    const auto is = [&](std::string_view word) {
      return !option.quoted && equals_ignoring_case(option.bytes, word);
    };
    if (is("nx") || is("xx")) return once(condition_, "nx or xx, once");
    if (is("ex")) return expiry(1000);
    if (is("px")) return expiry(1);
    if (is("ver")) return version();
    return errors::usage(put_, "unknown option");
  }

  std::optional<ErrorReply> once(bool& seen, std::string_view detail) {
    if (seen) return errors::usage(put_, detail);
    seen = true;
    return std::nullopt;
  }

  std::optional<ErrorReply> expiry(std::uint64_t unit_ms) {
    if (auto error = once(expiry_, "ex or px, once")) return error;
    if (left_.empty()) return errors::usage(put_, "ex and px take a number");
    const std::string_view operand = take().bytes;
    // A negative number is a number out of range, rather than no number.
    if (operand.starts_with('-') && parse_unsigned(operand.substr(1)))
      return errors::invalid_expire_time(put_);
    const auto count = parse_unsigned(operand);
    if (!count) return errors::bad_number(put_, "ex and px take a number");
    if (*count == 0 || *count > kMaxExpiryMs / unit_ms) return errors::invalid_expire_time(put_);
    return std::nullopt;
  }

  std::optional<ErrorReply> version() {
    if (auto error = once(version_, "ver, once")) return error;
    if (left_.empty() || !parse_unsigned(take().bytes)) return errors::bad_number(put_, "ver takes a number");
    return std::nullopt;
  }

  const CommandSpec& put_;
  std::span<const Arg> left_;
  bool condition_ = false;
  bool expiry_ = false;
  bool version_ = false;
};

}  // namespace

std::optional<std::uint64_t> put_length(std::span<const Arg> args) {
  if (args.size() < 2 || args[1].quoted) return std::nullopt;
  return parse_unsigned(args[1].bytes);
}

std::optional<ErrorReply> check_put_options(const CommandSpec& put, std::span<const Arg> options) {
  return PutOptions(put, options).check();
}

}  // namespace minikv::protocol
