// AUTH, TIME, WAIT, SLOWLOG, SHUTDOWN.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "protocol/number.h"
#include "server/commands/arguments.h"
#include "server/commands/handlers.h"
#include "server/commands/password.h"
#include "server/commands/subcommands.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

constexpr std::int64_t kSlowLogDefault = 10;

// The maximum of entries that are encoded on an event loop.
constexpr std::size_t kMaxEntriesAtOnce = 128;

using SlowLogEntries = std::vector<std::shared_ptr<const SlowLog::Entry>>;

void encode_slow_log(protocol::ReplyEncoder& reply, const SlowLogEntries& entries) {
  reply.array(entries.size());
  for (const auto& shared : entries) {
    const SlowLog::Entry& entry = *shared;
    reply.array(6);
    reply.integer(static_cast<std::int64_t>(entry.id));
    reply.integer(entry.unix_seconds);
    reply.integer(entry.micros);
    reply.array(entry.words.size());
    for (const std::string& word : entry.words) reply.bulk(word);
    reply.bulk(entry.client_address);
    reply.bulk(entry.client_name);
  }
}

}  // namespace

// Equal strings take as long as different ones of the same length.
bool is_password(const ServerState& server, std::string_view user, std::string_view password) {
  if (user != "default") return false;
  const std::string& wanted = server.options.password;
  if (wanted.empty()) return true;
  unsigned difference = password.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < password.size(); ++i) {
    difference |= static_cast<unsigned char>(password[i] ^ wanted[i % wanted.size()]);
  }
  return difference == 0;
}

template <>
void handle<kAuth>(Context& context) {
  if (context.args.size() > 2) return context.fail(errors::usage(context.command));
  const bool has_user = context.args.size() == 2;
  if (!has_user && context.server.options.password.empty()) return context.fail(errors::no_password_set());
  if (!is_password(context.server, has_user ? context.arg(0) : "default", context.args.back().bytes)) {
    return context.fail(errors::wrong_pass());
  }
  context.connection.set_authenticated(true);
  context.reply.ok();
}

template <>
void handle<kTime>(Context& context) {
  using std::chrono::microseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t micros = std::chrono::duration_cast<microseconds>(now).count();
  context.reply.array(2);
  context.reply.bulk(std::to_string(micros / 1'000'000));
  context.reply.bulk(std::to_string(micros % 1'000'000));
}

template <>
void handle<kWait>(Context& context) {
  if (!protocol::parse_redis_integer(context.arg(0))) return context.fail(errors::not_an_integer());
  const auto timeout = protocol::parse_redis_integer(context.arg(1));
  if (!timeout) return context.fail(errors::bad_timeout());
  if (*timeout < 0) return context.fail(errors::negative_timeout());
  context.reply.integer(0);
}

template <>
void handle<kSlowLogGet>(Context& context) {
  if (context.args.size() > 1) return context.fail(errors::bad_slow_log_command(context.subcommand));
  std::int64_t count = kSlowLogDefault;
  if (context.args.size() == 1) {
    const auto given = protocol::parse_redis_integer(context.arg(0));
    if (!given || *given < -1) return context.fail(errors::bad_slow_log_count());
    count = *given == -1 ? INT64_MAX : *given;
  }
  SlowLogEntries entries = context.server.slow_log.newest(static_cast<std::size_t>(count));
  if (entries.size() <= kMaxEntriesAtOnce || context.connection.in_transaction())
    return encode_slow_log(context.reply, entries);
  if (!context.connection.is_quiet()) return context.connection.defer();
  context.connection.run_on_worker(
      [entries = std::move(entries)](protocol::ReplyEncoder& reply, Aside& aside) {
        if (!aside.may_hold(SlowLog::kMaxBytes)) return reply.error(aside.error());
        encode_slow_log(reply, entries);
      });
}

template <>
void handle<kSlowLogLen>(Context& context) {
  context.reply.integer(static_cast<std::int64_t>(context.server.slow_log.size()));
}

template <>
void handle<kSlowLogReset>(Context& context) {
  context.server.slow_log.clear();
  context.reply.ok();
}

template <>
void handle<kSlowLogHelp>(Context& context) {
  tell_subcommands(context);
}

// SAVE and NOSAVE change nothing, because there is nothing to save or to leave unsaved; they are accepted
// because clients of Redis send them.
template <>
void handle<kShutdown>(Context& context) {
  bool abort = false, save = false, nosave = false, other = false;
  for (ArgumentReader reader(context.args); !reader.done();) {
    if (reader.take_word("abort")) {
      abort = true;
    } else if (reader.take_word("save")) {
      save = true;
    } else if (reader.take_word("nosave")) {
      nosave = true;
    } else if (reader.take_word("now") || reader.take_word("force")) {
      other = true;
    } else {
      return context.fail(errors::usage(context.command));
    }
  }
  if ((save && nosave) || (abort && (save || nosave || other))) {
    return context.fail(errors::usage(context.command));
  }
  if (abort) return context.fail(errors::no_shutdown());
  if (!context.server.options.request_stop)
    return context.fail(errors::denied("this server can't be stopped by a client"));
  context.server.log->info("client {} ({}) asks for a shutdown", context.connection.client().id,
                           context.connection.client().address);
  context.connection.close_when_answered();
  context.server.options.request_stop();
}

}  // namespace minikv::server
