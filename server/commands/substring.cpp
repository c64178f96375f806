// GETRANGE, SUBSTR, SETRANGE: parts of values.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "protocol/number.h"
#include "server/commands/derive.h"
#include "server/commands/handlers.h"
#include "server/commands/position_range.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ReplyEncoder;

namespace {

void tell_part(Context& context) {
  const auto first = protocol::parse_redis_integer(context.arg(1));
  const auto last = protocol::parse_redis_integer(context.arg(2));
  if (!first || !last) return context.fail(errors::bad_number(context.command, "start and end are numbers"));
  derive_from_values(context, 1, Work::kAsReading,
                     [first = *first, last = *last](ReplyEncoder& reply, std::span<Result<Value>> found) {
                       const std::string_view whole = bytes_of(found.front());
                       const PositionRange range =
                           resolve_positions(first, last, static_cast<std::int64_t>(whole.size()));
                       if (is_backwards_from_end(first, last) || range.is_empty())
                         return reply.bulk(std::string_view());
                       reply.bulk(whole.substr(static_cast<std::size_t>(range.first),
                                               static_cast<std::size_t>(range.last - range.first + 1)));
                     });
}

// Answers with the length of the value as it is, if there is nothing to write; 0 without a key.
void submit_length(const Context& context) {
  ArgumentArena memory(context.arg(0).size());
  const std::string_view key = memory.keep(context.arg(0));
  context.submit(std::move(memory), [key](Transaction& transaction) {
    const std::optional<Transaction::Entry> entry = transaction.find(key);
    if (entry && entry->lost) return Outcome::error(transaction.get(key).status());
    return Outcome::integer(entry ? entry->value_bytes : 0);
  });
}

// `whole` holds the new value, and has to live as long as the task.
Outcome overwrite(Transaction& transaction, std::string_view key, std::size_t offset, std::string_view part,
                  std::string& whole) {
  Result<Value> before = transaction.get(key);
  if (!before && before.code() != StatusCode::kNotFound) return Outcome::error(before.status());
  const std::int64_t expiry_ms = before ? before.value().expiry_ms : kNoExpiry;
  if (before) whole = std::move(before.value().data);
  if (whole.size() < offset + part.size()) whole.resize(offset + part.size());
  part.copy(whole.data() + offset, part.size());
  transaction.put(key, whole, expiry_ms);
  return Outcome::integer(static_cast<std::int64_t>(whole.size()));
}

}  // namespace

template <>
void handle<kGetRange>(Context& context) {
  tell_part(context);
}

template <>
void handle<kSubstr>(Context& context) {
  tell_part(context);
}

template <>
void handle<kSetRange>(Context& context) {
  const auto offset = protocol::parse_redis_integer(context.arg(1));
  if (!offset) return context.fail(errors::bad_number(context.command, "the offset is a number"));
  if (*offset < 0) return context.fail(errors::out_of_range("offset is out of range"));
  if (context.arg(2).empty()) return submit_length(context);
  const std::size_t max_bytes = context.store().options().max_value_bytes;
  const std::size_t part_bytes = context.arg(2).size();
  if (part_bytes > max_bytes || static_cast<std::size_t>(*offset) > max_bytes - part_bytes)
    return context.fail(errors::value_too_long(max_bytes));
  ArgumentArena memory = context.memory();
  const std::string_view key = memory.keep(context.arg(0));
  const std::string_view part = memory.keep(context.arg(2));
  const std::size_t end = static_cast<std::size_t>(*offset) + part_bytes;
  context.submit_reading(
      OldValue{.key = key, .least_bytes = end}, std::move(memory),
      [key, offset = static_cast<std::size_t>(*offset), part, whole = std::string()](
          Transaction& transaction) mutable { return overwrite(transaction, key, offset, part, whole); },
      static_cast<std::uint64_t>(*offset));
}

}  // namespace minikv::server
