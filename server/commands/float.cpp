// INCRBYFLOAT.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "server/commands/decimal.h"
#include "server/commands/handlers.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

// Adds to the number under `key`. `text` holds the new number, and has to live as long as the task.
Outcome add(Transaction& transaction, std::string_view key, long double delta, std::size_t max_bytes,
            std::string& text) {
  const std::optional<Transaction::Entry> entry = transaction.find(key);
  long double number = 0;
  if (entry) {
    if (!entry->lost && entry->value_bytes > kMaxDecimalBytes) return Outcome::error(errors::not_a_float());
    const Result<Value> before = transaction.get(key);
    if (!before) return Outcome::error(before.status());
    const auto parsed = parse_decimal(before.value().data);
    if (!parsed) return Outcome::error(errors::not_a_float());
    number = *parsed;
  }
  number += delta;
  if (!std::isfinite(number)) return Outcome::error(errors::not_finite());
  text = format_decimal(number);
  if (text.size() > max_bytes) return Outcome::error(errors::value_too_long(max_bytes));
  const std::uint64_t version = transaction.put(key, text, entry ? entry->expiry_ms : kNoExpiry);
  return Outcome::value({text, version});
}

}  // namespace

template <>
void handle<kIncrByFloat>(Context& context) {
  const auto delta = parse_decimal(context.arg(1));
  if (!delta) return context.fail(errors::not_a_float());
  ArgumentArena memory(context.arg(0).size());
  const std::string_view key = memory.keep(context.arg(0));
  const std::size_t max_bytes = context.store().options().max_value_bytes;
  context.submit_reading(
      key, kMaxDecimalBytes, std::move(memory),
      [key, delta = *delta, max_bytes, text = std::string()](Transaction& transaction) mutable {
        return add(transaction, key, delta, max_bytes, text);
      },
      kMaxDecimalBytes);
}

}  // namespace minikv::server
