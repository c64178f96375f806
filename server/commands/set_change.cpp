// The condition, the old value and the expiry, as the writer goes through them.
#include "server/commands/set_change.h"

#include <utility>

namespace minikv::server {

namespace errors = protocol::errors;

void SetChange::submit(const Context& context, std::string_view new_key, std::string_view new_value) {
  ArgumentArena memory = context.memory();
  key = memory.keep(new_key);
  value = memory.keep(new_value);
  checksum = value_checksum(value);
  const auto run = [change = *this](Transaction& transaction) { return change.execute(transaction); };
  if (return_old) return context.submit_reading(key, SIZE_MAX, std::move(memory), run);
  context.submit(std::move(memory), run);
}

std::optional<Outcome> SetChange::refusal(const std::optional<Transaction::Entry>& entry) const {
  const bool must_be_missing = if_missing || if_version == 0U;
  const bool must_be_present = if_present || (if_version && *if_version != 0);
  if (must_be_missing && entry) {
    if (style == Style::kSetNx) return Outcome::integer(0);
    return style == Style::kSet ? Outcome::nothing() : Outcome::error(errors::exists());
  }
  if (must_be_present && !entry) {
    return style == Style::kSet ? Outcome::nothing() : Outcome::error(errors::not_found());
  }
  if (if_version && entry && entry->version != *if_version)
    return Outcome::error(errors::version_is(entry->version));
  return std::nullopt;
}

Outcome SetChange::execute(Transaction& transaction) const {
  const bool depends =
      if_missing || if_present || if_version || return_old || expiry.kind == Expiry::Kind::kAsBefore;
  const std::optional<Transaction::Entry> entry = depends ? transaction.find(key) : std::nullopt;

  Outcome old = Outcome::nothing();
  if (return_old && entry) {
    Result<Value> before = transaction.get(key);
    if (!before) return Outcome::error(before.status());
    old = Outcome::value(*std::move(before));
  }
  if (std::optional<Outcome> refused = refusal(entry)) return return_old ? old : *std::move(refused);

  const std::int64_t expiry_ms = expiry.resolve(transaction.time(), entry ? entry->expiry_ms : kNoExpiry);
  const std::uint64_t version = transaction.put(key, value, checksum, expiry_ms);
  if (return_old) return old;
  if (style == Style::kSetNx) return Outcome::integer(1);
  if (style == Style::kCas || (style == Style::kPut && if_version)) return Outcome::ok_version(version);
  return Outcome::ok();
}

}  // namespace minikv::server
