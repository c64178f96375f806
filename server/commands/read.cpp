// GET, MGET, GETV, STRLEN, TTL, PTTL, EXPIRETIME, PEXPIRETIME, EXISTS, TOUCH, TYPE: commands that look at
// keys.
#include "server/commands/read.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/commands/handlers.h"
#include "server/commands/values_task.h"

namespace minikv::server {

using protocol::ReplyEncoder;

namespace {

constexpr std::string_view kLostValue =
    "the value was damaged on disk and can't be had back; set or delete the key to heal it";

std::unique_ptr<Task> make_read_task(const Context& context, Handles handles, ValueForm form) {
  ArgumentArena memory = context.memory();
  std::vector<std::string_view> keys = context.keep_all(memory);
  return std::make_unique<ValuesTask>(std::move(memory), std::move(keys), std::move(handles), context.server,
                                      form);
}

// Answers from what the index knows about the key, without reading its value.
template <typename Encode>
void look_at_key(Context& context, Encode encode) {
  if (!context.by_writer) return encode(context.reply, context.store().locate(context.arg(0)));
  ArgumentArena memory = context.memory();
  const std::string_view key = context.keep_all(memory).front();
  context.submit(
      std::move(memory), [key](Transaction& transaction) { return transaction.locate(key); }, encode);
}

// The time left by the clock that clients see: in seconds, rounded as in Redis, or in milliseconds. -2: no
// key; -1: no expiry.
std::int64_t time_left(const std::optional<ValueHandle>& handle, const StoreTime& now, bool seconds) {
  if (!handle) return -2;
  if (handle->expiry_ms() == kNoExpiry) return -1;
  const std::int64_t left_ms = std::max<std::int64_t>(now.to_wall(handle->expiry_ms()) - now.client_ms(), 0);
  return seconds ? (left_ms + 500) / 1000 : left_ms;
}

void tell_time_left(Context& context, bool seconds) {
  look_at_key(context, [&store = context.store(), seconds](ReplyEncoder& reply,
                                                           const std::optional<ValueHandle>& handle) {
    reply.integer(time_left(handle, store.time(), seconds));
  });
}

// Answers when the key expires, by that clock; seconds are rounded as in Redis.
void tell_expiry(Context& context, bool seconds) {
  look_at_key(context, [&store = context.store(), seconds](ReplyEncoder& reply,
                                                           const std::optional<ValueHandle>& handle) {
    if (!handle) return reply.integer(-2);
    if (handle->expiry_ms() == kNoExpiry) return reply.integer(-1);
    const std::int64_t ms = store.time().to_wall(handle->expiry_ms());
    reply.integer(seconds ? ms / 1000 + (ms % 1000 >= 500 ? 1 : 0) : ms);
  });
}

// Counts how many of very many keys there are.
class CountTask final : public KeysTask {
 public:
  CountTask(ArgumentArena memory, std::vector<std::string_view> keys, ServerState& server)
      : KeysTask(std::move(memory), std::move(keys), {}, server) {}

  Answered encode_some(ReplyEncoder& reply, const Reading&) override {
    reply.integer(static_cast<std::int64_t>(lookup()->there()));
    return Answered::kWhole;
  }
};

// Submits a question about so many keys that the event loop does not look for them.
void ask_about_many(const Context& context, std::unique_ptr<Task> task) {
  if (context.by_writer) return context.connection.submit(std::move(task));
  context.connection.look_up(std::move(task));
}

// Answers how many of the arguments are keys, counting repeats.
template <typename Encode>
void count_existing(Context& context, Encode encode) {
  if (are_many(context.args.size())) {
    ArgumentArena memory = context.memory();
    std::vector<std::string_view> keys = context.keep_all(memory);
    return ask_about_many(context,
                          std::make_unique<CountTask>(std::move(memory), std::move(keys), context.server));
  }
  if (!context.by_writer) {
    std::vector<std::string_view> keys;
    keys.reserve(context.args.size());
    for (const protocol::Arg& arg : context.args) keys.push_back(arg.bytes);
    return encode(context.reply, static_cast<std::int64_t>(context.store().count_existing(keys)));
  }
  ArgumentArena memory = context.memory();
  const std::vector<std::string_view> keys = context.keep_all(memory);
  context.submit(
      std::move(memory),
      [keys](Transaction& transaction) {
        return static_cast<std::int64_t>(std::ranges::count_if(
            keys, [&](std::string_view key) { return transaction.find(key).has_value(); }));
      },
      encode);
}

}  // namespace

void read_values(Context& context, ValueForm form) {
  if (are_many(context.args.size())) return ask_about_many(context, make_read_task(context, {}, form));
  if (context.by_writer) return context.connection.submit(make_read_task(context, {}, form));
  if (form == ValueForm::kEach) {
    std::vector<std::string_view> keys;
    keys.reserve(context.args.size());
    for (const protocol::Arg& arg : context.args) keys.push_back(arg.bytes);
    return context.connection.load(make_read_task(context, context.store().multi_locate(keys), form));
  }
  // The most frequent requests are answered without a task.
  const std::string_view key = context.arg(0);
  const std::optional<ValueHandle> handle = context.store().locate(key);
  constexpr std::uint32_t kShortBytes = 768;  // a task would take as much memory
  const bool is_at_once =
      (!handle || handle->value_bytes() <= kShortBytes || context.connection.takes_replies()) &&
      append_value(context.reply, context.store(), key, handle, form, Reading::at_once());
  if (!is_at_once) return context.connection.load(make_read_task(context, {handle}, form));
  count_lookup(context.server, handle.has_value());
}

template <>
void handle<kGet>(Context& context) {
  read_values(context, ValueForm::kValue);
}

template <>
void handle<kMget>(Context& context) {
  read_values(context, ValueForm::kEach);
}

template <>
void handle<kGetv>(Context& context) {
  read_values(context, ValueForm::kWithVersion);
}

template <>
void handle<kStrlen>(Context& context) {
  look_at_key(context, [](ReplyEncoder& reply, const std::optional<ValueHandle>& handle) {
    if (handle && !handle->is_readable()) return reply.error(protocol::errors::corrupt(kLostValue));
    reply.integer(handle ? static_cast<std::int64_t>(handle->value_bytes()) : 0);
  });
}

template <>
void handle<kTtl>(Context& context) {
  tell_time_left(context, true);
}

template <>
void handle<kPttl>(Context& context) {
  tell_time_left(context, false);
}

template <>
void handle<kExpireTime>(Context& context) {
  tell_expiry(context, true);
}

template <>
void handle<kPexpireTime>(Context& context) {
  tell_expiry(context, false);
}

template <>
void handle<kTouch>(Context& context) {
  count_existing(context, [](ReplyEncoder& reply, std::int64_t count) { reply.integer(count); });
}

template <>
void handle<kExists>(Context& context) {
  count_existing(context, [](ReplyEncoder& reply, std::int64_t count) { reply.integer(count); });
}

template <>
void handle<kType>(Context& context) {
  count_existing(
      context, [](ReplyEncoder& reply, std::int64_t count) { reply.simple(count > 0 ? "string" : "none"); });
}

}  // namespace minikv::server
