// SETBIT, GETBIT, BITCOUNT, BITPOS.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "protocol/ascii.h"
#include "protocol/number.h"
#include "server/commands/bit_string.h"
#include "server/commands/derive.h"
#include "server/commands/handlers.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ErrorReply;
using protocol::ReplyEncoder;

namespace {

ErrorReply bad_bit_offset() { return errors::out_of_range("bit offset is not an integer or out of range"); }

// The offset of a bit that a value can have; nothing if the argument is no such offset.
std::optional<std::uint64_t> read_bit_offset(const Context& context) {
  const auto offset = protocol::parse_redis_integer(context.arg(1));
  if (!offset || *offset < 0) return std::nullopt;
  const auto bit = static_cast<std::uint64_t>(*offset);
  if (bit / 8 >= context.store().options().max_value_bytes) return std::nullopt;
  return bit;
}

// `whole` holds the new value, and has to live as long as the task.
Outcome change_bit(Transaction& transaction, std::string_view key, std::uint64_t bit, bool on,
                   std::string& whole) {
  Result<Value> before = transaction.get(key);
  if (!before && before.code() != StatusCode::kNotFound) return Outcome::error(before.status());
  const std::int64_t expiry_ms = before ? before.value().expiry_ms : kNoExpiry;
  if (before) whole = std::move(before.value().data);
  const bool was_on = bit_at(whole, bit);
  const bool grows = bit / 8 >= whole.size();
  if (!grows && was_on == on) return Outcome::integer(was_on);
  if (grows) whole.resize(bit / 8 + 1);
  set_bit(whole, bit, on);
  transaction.put(key, whole, expiry_ms);
  return Outcome::integer(was_on);
}

// `start` and `end` of BITCOUNT and BITPOS.
struct BitRangeArguments {
  std::int64_t first = 0;
  std::int64_t last = -1;
  bool in_bits = false;

  bool is_backwards() const { return is_backwards_from_end(first, last); }
  // The bits that are meant.
  PositionRange bits(std::size_t value_bytes) const {
    const auto bytes = static_cast<std::int64_t>(value_bytes);
    if (in_bits) return resolve_positions(first, last, bytes * 8);
    const PositionRange range = resolve_positions(first, last, bytes);
    if (range.is_empty()) return {};
    return {range.first * 8, range.last * 8 + 7};
  }
};

bool read_number(const protocol::Arg& arg, std::int64_t& number) {
  const auto parsed = protocol::parse_redis_integer(arg.bytes);
  number = parsed.value_or(0);
  return parsed.has_value();
}

bool read_unit(const protocol::Arg& arg, bool& in_bits) {
  in_bits = protocol::equals_ignoring_case(arg.bytes, "bit");
  return in_bits || protocol::equals_ignoring_case(arg.bytes, "byte");
}

// `args` begin with `start`. Returns what is wrong with them, if something is, and checks in Redis' order.
// The unit of a backwards range is not checked, because such a range is empty whatever its unit.
std::optional<ErrorReply> read_count_range(const Context& context, std::span<const protocol::Arg> args,
                                           BitRangeArguments& range) {
  if (args.empty()) return std::nullopt;
  if (args.size() == 1 || args.size() > 3) return errors::usage(context.command);
  if (!read_number(args[0], range.first) || !read_number(args[1], range.last))
    return errors::bad_number(context.command);
  if (args.size() == 3 && !range.is_backwards() && !read_unit(args[2], range.in_bits))
    return errors::usage(context.command);
  return std::nullopt;
}

// The same for BITPOS, where Redis looks at the unit before the end.
std::optional<ErrorReply> read_search_range(const Context& context, std::span<const protocol::Arg> args,
                                            BitRangeArguments& range) {
  if (args.size() > 3) return errors::usage(context.command);
  if (!args.empty() && !read_number(args[0], range.first)) return errors::bad_number(context.command);
  if (args.size() == 3 && !read_unit(args[2], range.in_bits)) return errors::usage(context.command);
  if (args.size() > 1 && !read_number(args[1], range.last)) return errors::bad_number(context.command);
  return std::nullopt;
}

}  // namespace

template <>
void handle<kSetBit>(Context& context) {
  const auto bit = read_bit_offset(context);
  if (!bit) return context.fail(bad_bit_offset());
  const auto on = protocol::parse_redis_integer(context.arg(2));
  if (!on || (*on != 0 && *on != 1))
    return context.fail(errors::out_of_range("bit is not an integer or out of range"));
  ArgumentArena memory(context.arg(0).size());
  const std::string_view key = memory.keep(context.arg(0));
  context.submit_reading(
      OldValue{.key = key, .least_bytes = static_cast<std::size_t>(*bit / 8 + 1)}, std::move(memory),
      [key, bit = *bit, on = *on == 1, whole = std::string()](Transaction& transaction) mutable {
        return change_bit(transaction, key, bit, on, whole);
      },
      *bit / 8 + 1);
}

template <>
void handle<kGetBit>(Context& context) {
  const auto bit = read_bit_offset(context);
  if (!bit) return context.fail(bad_bit_offset());
  derive_from_values(context, 1, Work::kAsReading,
                     [bit = *bit](ReplyEncoder& reply, std::span<Result<Value>> found) {
                       reply.integer(bit_at(bytes_of(found.front()), bit) ? 1 : 0);
                     });
}

// Without a key, an error in the range does not matter, because Redis looks for the key first.
template <>
void handle<kBitCount>(Context& context) {
  BitRangeArguments range;
  const std::optional<ErrorReply> error = read_count_range(context, context.args.subspan(1), range);
  derive_from_values(context, 1, Work::kAsReading,
                     [range, error](ReplyEncoder& reply, std::span<Result<Value>> found) {
                       if (!found.front()) return reply.integer(0);
                       if (error) return reply.error(*error);
                       if (range.is_backwards()) return reply.integer(0);
                       const std::string_view bytes = bytes_of(found.front());
                       reply.integer(static_cast<std::int64_t>(count_bits(bytes, range.bits(bytes.size()))));
                     });
}

// Without a key as BITCOUNT. If no end is given, endless zeros follow the value.
template <>
void handle<kBitPos>(Context& context) {
  const auto bit = protocol::parse_redis_integer(context.arg(1));
  if (!bit) return context.fail(errors::bad_number(context.command, "the bit is a number"));
  if (*bit != 0 && *bit != 1) return context.fail(errors::out_of_range("The bit argument must be 1 or 0."));
  BitRangeArguments range;
  const std::optional<ErrorReply> error = read_search_range(context, context.args.subspan(2), range);
  const bool ends = context.args.size() > 3;
  derive_from_values(
      context, 1, Work::kAsReading,
      [range, error, ends, on = *bit == 1](ReplyEncoder& reply, std::span<Result<Value>> found) {
        if (!found.front()) return reply.integer(on ? -1 : 0);
        if (error) return reply.error(*error);
        const std::string_view bytes = bytes_of(found.front());
        const PositionRange bits = range.bits(bytes.size());
        if (const auto at = find_bit(bytes, on, bits)) return reply.integer(static_cast<std::int64_t>(*at));
        const bool goes_on = !on && !ends && !bits.is_empty();
        reply.integer(goes_on ? static_cast<std::int64_t>(bytes.size()) * 8 : -1);
      });
}

}  // namespace minikv::server
