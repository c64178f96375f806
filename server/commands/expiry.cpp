// EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST.
#include <optional>
#include <utility>

#include "server/commands/arguments.h"
#include "server/commands/handlers.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

// The present expiry of a key that allows a new one.
struct ExpireCondition {
  bool nx = false;  // there is none
  bool xx = false;  // there is one
  bool gt = false;  // it is earlier than the new one; none counts as infinitely late
  bool lt = false;  // it is later

  bool allows(std::int64_t now_set_ms, std::int64_t wanted_ms) const {
    const bool has_one = now_set_ms != kNoExpiry;
    if ((nx && has_one) || (xx && !has_one)) return false;
    if (gt && (!has_one || wanted_ms <= now_set_ms)) return false;
    return !(lt && has_one && wanted_ms >= now_set_ms);
  }
};

std::optional<protocol::ErrorReply> read_condition(const Context& context, ExpireCondition& condition) {
  for (ArgumentReader reader(context.args.subspan(2)); !reader.done();) {
    if (reader.take_word("nx")) {
      condition.nx = true;
    } else if (reader.take_word("xx")) {
      condition.xx = true;
    } else if (reader.take_word("gt")) {
      condition.gt = true;
    } else if (reader.take_word("lt")) {
      condition.lt = true;
    } else {
      return errors::unsupported_option(reader.peek());
    }
  }
  if (condition.nx && (condition.xx || condition.gt || condition.lt))
    return errors::incompatible_expire_options(false);
  if (condition.gt && condition.lt) return errors::incompatible_expire_options(true);
  return std::nullopt;
}

// A time that has passed deletes the key, as in Redis.
void submit_expire(const Context& context, std::int64_t unit_ms, Expiry::Kind kind) {
  ExpireCondition condition;
  if (auto error = read_condition(context, condition)) return context.fail(*error);
  const auto count = protocol::parse_redis_integer(context.arg(1));
  if (!count) return context.fail(errors::bad_number(context.command, "the time is a number"));
  const std::int64_t base_ms = kind == Expiry::Kind::kIn ? context.store().time().client_ms() : 0;
  Expiry expiry{kind, 0};
  std::int64_t at_ms = 0;
  if (__builtin_mul_overflow(*count, unit_ms, &expiry.ms) ||
      __builtin_add_overflow(expiry.ms, base_ms, &at_ms)) {
    return context.fail(errors::invalid_expire_time(context.command));
  }
  ArgumentArena memory(context.arg(0).size());
  const std::string_view key = memory.keep(context.arg(0));
  context.submit(std::move(memory), [key, expiry, condition](Transaction& transaction) {
    const std::optional<Transaction::Entry> entry = transaction.find(key);
    const std::int64_t wanted_ms = expiry.resolve(transaction.time(), kNoExpiry);
    if (!entry || !condition.allows(entry->expiry_ms, wanted_ms)) return Outcome::integer(0);
    if (wanted_ms <= transaction.now_ms()) {
      transaction.remove(key);
    } else {
      transaction.set_expiry(key, wanted_ms);
    }
    return Outcome::integer(1);
  });
}

}  // namespace

template <>
void handle<kExpire>(Context& context) {
  submit_expire(context, 1000, Expiry::Kind::kIn);
}

template <>
void handle<kPexpire>(Context& context) {
  submit_expire(context, 1, Expiry::Kind::kIn);
}

template <>
void handle<kExpireAt>(Context& context) {
  submit_expire(context, 1000, Expiry::Kind::kAt);
}

template <>
void handle<kPexpireAt>(Context& context) {
  submit_expire(context, 1, Expiry::Kind::kAt);
}

template <>
void handle<kPersist>(Context& context) {
  ArgumentArena memory(context.arg(0).size());
  const std::string_view key = memory.keep(context.arg(0));
  context.submit(std::move(memory), [key](Transaction& transaction) {
    const std::optional<Transaction::Entry> entry = transaction.find(key);
    if (!entry || entry->expiry_ms == kNoExpiry) return Outcome::integer(0);
    transaction.set_expiry(key, kNoExpiry);
    return Outcome::integer(1);
  });
}

}  // namespace minikv::server
