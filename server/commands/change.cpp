// INCR and its kind, APPEND, GETDEL, DEL, CAD: commands that change a key depending on what is there.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/ascii.h"
#include "protocol/number.h"
#include "server/commands/handlers.h"
#include "server/commands/values_task.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

// The longest integer: "-9223372036854775808".
constexpr std::size_t kMaxIntegerBytes = 20;

// Adds to the number under `key`. `text` holds the new number, and has to live as long as the task.
Outcome add(Transaction& transaction, std::string_view key, std::int64_t delta, std::string& text) {
  const std::optional<Transaction::Entry> entry = transaction.find(key);
  std::int64_t number = 0;
  if (entry) {
    if (!entry->lost && entry->value_bytes > kMaxIntegerBytes) {
      return Outcome::error(errors::not_an_integer());
    }
    const Result<Value> before = transaction.get(key);
    if (!before) return Outcome::error(before.status());
    const auto parsed = protocol::parse_redis_integer(before.value().data);
    if (!parsed) return Outcome::error(errors::not_an_integer());
    number = *parsed;
  }
  std::int64_t sum = 0;
  if (__builtin_add_overflow(number, delta, &sum)) return Outcome::error(errors::overflow());
  text = std::to_string(sum);
  transaction.put(key, text, entry ? entry->expiry_ms : kNoExpiry);
  return Outcome::integer(sum);
}

// `whole` holds the new value, as `text` above holds the new number.
Outcome append(Transaction& transaction, std::string_view key, std::string_view more, std::size_t max_bytes,
               std::string& whole) {
  const std::optional<Transaction::Entry> entry = transaction.find(key);
  if (entry) {
    if (entry->value_bytes + more.size() > max_bytes) {
      return Outcome::error(errors::value_too_long(max_bytes));
    }
    Result<Value> before = transaction.get(key);
    if (!before) return Outcome::error(before.status());
    whole = std::move(before.value().data);
  }
  whole += more;
  transaction.put(key, whole, entry ? entry->expiry_ms : kNoExpiry);
  return Outcome::integer(static_cast<std::int64_t>(whole.size()));
}

void submit_add(const Context& context, std::int64_t delta) {
  ArgumentArena memory(context.arg(0).size());
  const std::string_view key = memory.keep(context.arg(0));
  context.submit_reading(key, kMaxIntegerBytes, std::move(memory),
                         [key, delta, text = std::string()](Transaction& transaction) mutable {
                           return add(transaction, key, delta, text);
                         });
}

// DEL of very many keys: keys that are not there cost the writer nothing.
class DeleteTask final : public KeysTask {
 public:
  DeleteTask(ArgumentArena memory, std::vector<std::string_view> keys, ServerState& server)
      : KeysTask(std::move(memory), std::move(keys), {}, server) {}

  Answered encode_some(protocol::ReplyEncoder& reply, const Reading&) override {
    reply.integer(removed_);
    return Answered::kWhole;
  }

 private:
  void perform(Transaction& transaction) override {
    KeysTask::perform(transaction);
    for (std::size_t i = lookup()->next_there(0); i < keys().size(); i = lookup()->next_there(i + 1))
      removed_ += transaction.remove(keys()[i]) ? 1 : 0;
  }

  std::int64_t removed_ = 0;
};

// DELPREFIX: its preparation counts the keys, before the writer gets the task.
class DeletePrefixTask final : public Task {
 public:
  DeletePrefixTask(ArgumentArena memory, std::string_view prefix)
      : Task(std::move(memory)), range_(std::string(prefix), end_of_prefix(prefix).value_or("")) {
    set_wants_preparation();
  }

  void prepare(Preparation& preparation) override { preparation.count(range_); }
  Answered encode_some(protocol::ReplyEncoder& reply, const Reading&) override {
    reply.integer(removed_);
    return Answered::kWhole;
  }

 private:
  void perform(Transaction& transaction) override {
    removed_ = static_cast<std::int64_t>(transaction.remove_range(range_));
  }

  RangeCount range_;
  std::int64_t removed_ = 0;
};

void submit_delete(const Context& context) {
  ArgumentArena memory = context.memory();
  std::vector<std::string_view> keys = context.keep_all(memory);
  if (are_many(keys.size())) {
    return context.connection.submit(
        std::make_unique<DeleteTask>(std::move(memory), std::move(keys), context.server));
  }
  context.submit(std::move(memory), [keys](Transaction& transaction) {
    std::int64_t removed = 0;
    for (const std::string_view key : keys) removed += transaction.remove(key) ? 1 : 0;
    return Outcome::integer(removed);
  });
}

// ASYNC and SYNC are the same, because no client waits for the freeing of memory.
void submit_flush(const Context& context) {
  const std::size_t given = context.args.size();
  if (given > 1 || (given == 1 && !protocol::equals_ignoring_case(context.arg(0), "async") &&
                    !protocol::equals_ignoring_case(context.arg(0), "sync"))) {
    return context.fail(errors::usage(context.command));
  }
  const auto flush = [](Transaction& transaction) {
    transaction.remove_all();
    return Outcome::ok();
  };
  // While the sorted index is being built, remove_all() waits for that, which no event loop must.
  if (!context.store().is_in_order()) return context.submit_long(ArgumentArena(0), flush);
  context.submit(ArgumentArena(0), flush);
}

}  // namespace

template <>
void handle<kIncr>(Context& context) {
  submit_add(context, 1);
}

template <>
void handle<kDecr>(Context& context) {
  submit_add(context, -1);
}

template <>
void handle<kIncrBy>(Context& context) {
  const auto delta = protocol::parse_redis_integer(context.arg(1));
  if (!delta) return context.fail(errors::not_an_integer());
  submit_add(context, *delta);
}

template <>
void handle<kDecrBy>(Context& context) {
  const auto delta = protocol::parse_redis_integer(context.arg(1));
  if (!delta) return context.fail(errors::not_an_integer());
  if (*delta == INT64_MIN) return context.fail(errors::decrement_overflow());
  submit_add(context, -*delta);
}

template <>
void handle<kAppend>(Context& context) {
  ArgumentArena memory = context.memory();
  const std::string_view key = memory.keep(context.arg(0));
  const std::string_view more = memory.keep(context.arg(1));
  const std::size_t max_bytes = context.store().options().max_value_bytes;
  const std::size_t max_old_bytes = max_bytes - std::min(max_bytes, more.size());
  context.submit_reading(OldValue{.key = key, .max_bytes = max_old_bytes, .more_bytes = more.size()},
                         std::move(memory), [=, whole = std::string()](Transaction& transaction) mutable {
                           return append(transaction, key, more, max_bytes, whole);
                         });
}

// The value is read before the key is deleted: if it can't be, nothing is changed.
template <>
void handle<kGetDel>(Context& context) {
  ArgumentArena memory = context.memory();
  const std::string_view key = memory.keep(context.arg(0));
  context.submit_reading(key, SIZE_MAX, std::move(memory), [key](Transaction& transaction) {
    Result<Value> before = transaction.get(key);
    if (before.code() == StatusCode::kNotFound) return Outcome::nothing();
    if (!before) return Outcome::error(before.status());
    transaction.remove(key);
    return Outcome::value(*std::move(before));
  });
}

template <>
void handle<kDelete>(Context& context) {
  submit_delete(context);
}

template <>
void handle<kUnlink>(Context& context) {
  submit_delete(context);
}

template <>
void handle<kDelPrefix>(Context& context) {
  ArgumentArena memory(context.arg(0).size());
  context.connection.submit(std::make_unique<DeletePrefixTask>(std::move(memory), context.arg(0)));
}

template <>
void handle<kFlushAll>(Context& context) {
  submit_flush(context);
}

template <>
void handle<kFlushDb>(Context& context) {
  submit_flush(context);
}

template <>
void handle<kCad>(Context& context) {
  const auto version = protocol::parse_unsigned(context.arg(1));
  if (!version) return context.fail(errors::bad_number(context.command, "a version is a number"));
  ArgumentArena memory = context.memory();
  const std::string_view key = memory.keep(context.arg(0));
  context.submit(std::move(memory), [key, expected = *version](Transaction& transaction) {
    const std::optional<Transaction::Entry> entry = transaction.find(key);
    if (!entry) return Outcome::error(errors::not_found());
    if (entry->version != expected) return Outcome::error(errors::version_is(entry->version));
    transaction.remove(key);
    return Outcome::integer(1);
  });
}

}  // namespace minikv::server
