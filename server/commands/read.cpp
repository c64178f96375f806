// GET, MGET, GETV, STRLEN, TTL, PTTL, EXPIRETIME, PEXPIRETIME, EXISTS, TOUCH, TYPE: commands that look at keys.
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

void finish(ReplyEncoder& reply, std::span<Result<Value>> found, ServerState& server, EncodeValues encode) {
  count_lookups(found, server);
  encode(reply, found, server);
}

// Answers with what its keys hold.
class ReadTask final : public ValuesTask {
 public:
  ReadTask(Memory memory, std::vector<std::string_view> keys, Places places, ServerState& server,
           EncodeValues encode_found)
      : ValuesTask(std::move(memory), std::move(keys), std::move(places), server.store),
        server_(server),
        encode_found_(encode_found) {}

 private:
  void encode(ReplyEncoder& reply) override { finish(reply, found(), server_, encode_found_); }

  ServerState& server_;
  EncodeValues encode_found_;
};

std::unique_ptr<Task> make_read_task(const Context& context, ValuesTask::Places places, EncodeValues encode) {
  Memory memory = context.memory();
  std::vector<std::string_view> keys = context.keep_all(memory);
  return std::make_unique<ReadTask>(std::move(memory), std::move(keys), std::move(places), context.server,
                                    encode);
}

// What one key came to, where it is not the value itself that is asked for.
void encode_failure(ReplyEncoder& reply, const Result<Value>& found) {
  if (found.code() == StatusCode::kNotFound) {
    reply.not_found();
  } else {
    reply.error(error_from(found.status()));
  }
}

void encode_value(ReplyEncoder& reply, const Result<Value>& found) {
  if (!found) return encode_failure(reply, found);
  reply.value(found.value().data, found.value().version);
}

// Answers from what the index knows about the key, without reading its value.
template <typename Encode>
void look_at_key(Context& context, Encode encode) {
  if (!context.connection.has_writes_in_flight())
    return encode(context.reply, context.store().locate(context.arg(0)));
  Memory memory = context.memory();
  const std::string_view key = context.keep_all(memory).front();
  context.submit(
      std::move(memory), [key](Transaction& transaction) { return transaction.locate(key); }, encode);
}

// `seconds`, rounded as Redis does, or milliseconds.
std::int64_t time_left(const std::optional<ValueHandle>& place, std::int64_t now_ms, bool seconds) {
  if (!place) return -2;
  if (place->expiry_ms() == kNoExpiry) return -1;
  const std::int64_t left_ms = std::max<std::int64_t>(place->expiry_ms() - now_ms, 0);
  return seconds ? (left_ms + 500) / 1000 : left_ms;
}

void tell_time_left(Context& context, bool seconds) {
  look_at_key(context, [&store = context.store(), seconds](ReplyEncoder& reply,
                                                           const std::optional<ValueHandle>& place) {
    reply.integer(time_left(place, store.now_ms(), seconds));
  });
}

// When the key expires; seconds are rounded as Redis does.
void tell_expiry(Context& context, bool seconds) {
  look_at_key(context, [seconds](ReplyEncoder& reply, const std::optional<ValueHandle>& place) {
    if (!place) return reply.integer(-2);
    if (place->expiry_ms() == kNoExpiry) return reply.integer(-1);
    const std::int64_t ms = place->expiry_ms();
    reply.integer(seconds ? ms / 1000 + (ms % 1000 >= 500 ? 1 : 0) : ms);
  });
}

// How many of the arguments are keys, counting repeats.
template <typename Encode>
void count_existing(Context& context, Encode encode) {
  if (!context.connection.has_writes_in_flight()) {
    std::vector<std::string_view> keys;
    keys.reserve(context.args.size());
    for (const protocol::Arg& arg : context.args) keys.push_back(arg.bytes);
    return encode(context.reply, static_cast<std::int64_t>(context.store().count_existing(keys)));
  }
  Memory memory = context.memory();
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

void count_lookups(std::span<const Result<Value>> found, ServerState& server) {
  for (const Result<Value>& one : found) {
    (one.code() == StatusCode::kNotFound ? server.counters.misses : server.counters.hits).add();
  }
}

void read_values(Context& context, EncodeValues encode) {
  if (context.connection.has_writes_in_flight())
    return context.connection.submit(make_read_task(context, {}, encode));
  const Store& store = context.store();
  if (context.args.size() == 1) {  // the same, for what is asked most, without the vectors
    const std::string_view key = context.arg(0);
    const std::optional<ValueHandle> place = store.locate(key);
    std::optional<Result<Value>> found =
        place ? store.try_read(key, *place) : Result<Value>(StatusCode::kNotFound, "no such key");
    if (found) return finish(context.reply, {&*found, 1}, context.server, encode);
    return context.connection.load(make_read_task(context, {place}, encode));
  }
  std::vector<std::string_view> keys;
  keys.reserve(context.args.size());
  for (const protocol::Arg& arg : context.args) keys.push_back(arg.bytes);
  ValuesTask::Places places = store.multi_locate(keys);
  std::vector<Result<Value>> found;
  if (try_read_places(store, keys, places, found))
    return finish(context.reply, found, context.server, encode);
  context.connection.load(make_read_task(context, std::move(places), encode));
}

template <>
void handle<kGet>(Context& context) {
  read_values(context, [](ReplyEncoder& reply, std::span<Result<Value>> found, ServerState&) {
    encode_value(reply, found.front());
  });
}

template <>
void handle<kMget>(Context& context) {
  read_values(context, [](ReplyEncoder& reply, std::span<Result<Value>> found, ServerState&) {
    reply.multi(found.size());
    for (const Result<Value>& one : found) encode_value(reply, one);
  });
}

template <>
void handle<kGetv>(Context& context) {
  read_values(context, [](ReplyEncoder& reply, std::span<Result<Value>> found, ServerState&) {
    const Result<Value>& one = found.front();
    if (!one) return encode_failure(reply, one);
    reply.array(2);
    reply.bulk(one.value().data);
    reply.integer(static_cast<std::int64_t>(one.value().version));
  });
}

template <>
void handle<kStrlen>(Context& context) {
  look_at_key(context, [](ReplyEncoder& reply, const std::optional<ValueHandle>& place) {
    if (place && !place->is_readable()) return reply.error(protocol::errors::corrupt(kLostValue));
    reply.integer(place ? static_cast<std::int64_t>(place->value_bytes()) : 0);
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
