// GETEX.
#include <optional>
#include <utility>

#include "server/commands/expiry_option.h"
#include "server/commands/handlers.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ErrorReply;

namespace {

struct GetExOptions {
  ExpiryOption expiry;
  bool persist = false;
};

std::optional<ErrorReply> read_options(const Context& context, GetExOptions& options) {
  for (ArgumentReader reader(context.args.subspan(1)); !reader.done();) {
    if (!options.expiry.is_given() && reader.take_word("persist")) {
      options.persist = true;
    } else if (options.persist || !options.expiry.take(reader)) {
      return errors::usage(context.command);
    }
  }
  return std::nullopt;
}

// A time that has passed deletes the key, as in Redis.
void change_expiry(Transaction& transaction, std::string_view key, const Expiry& expiry,
                   std::int64_t before_ms) {
  const std::int64_t expiry_ms = expiry.resolve(transaction.time(), before_ms);
  if (expiry_ms != kNoExpiry && expiry_ms <= transaction.now_ms()) {
    transaction.remove(key);
  } else if (expiry_ms != before_ms) {
    transaction.set_expiry(key, expiry_ms);
  }
}

}  // namespace

// Without a key, an error in the operand does not matter: the key is looked up first, as in Redis.
template <>
void handle<kGetEx>(Context& context) {
  if (context.args.size() == 1) return handle<kGet>(context);
  GetExOptions options;
  if (auto error = read_options(context, options)) return context.fail(*error);
  Expiry expiry{options.persist ? Expiry::Kind::kNever : Expiry::Kind::kAsBefore};
  std::optional<ErrorReply> error;
  if (options.expiry.is_given())
    error = options.expiry.resolve(context.command, context.store().time().client_ms(), expiry);

  ArgumentArena memory(context.arg(0).size());
  const std::string_view key = memory.keep(context.arg(0));
  context.submit_reading(key, SIZE_MAX, std::move(memory), [key, expiry, error](Transaction& transaction) {
    Result<Value> found = transaction.get(key);
    if (found.code() == StatusCode::kNotFound) return Outcome::nothing();
    if (error) return Outcome::error(*error);
    if (!found) return Outcome::error(found.status());
    change_expiry(transaction, key, expiry, found.value().expiry_ms);
    return Outcome::value(*std::move(found));
  });
}

}  // namespace minikv::server
