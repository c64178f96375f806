// CONFIG: the settings in force.
#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/ascii.h"
#include "server/commands/glob.h"
#include "server/commands/handlers.h"
#include "server/commands/subcommands.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

using NamedValue = std::pair<std::string_view, std::string_view>;

// Settings that tools of Redis ask for, and that are fixed here: there is one database, there are no
// snapshots, every write is logged, and latencies are not recorded. redis-cli 8 ends with a failed assertion
// if `databases` is missing.
constexpr NamedValue kFixed[] = {{"databases", "1"},
                                 {"save", ""},
                                 {"appendonly", "yes"},
                                 {"latency-tracking", "no"},
                                 {"latency-monitor-threshold", "0"}};

// The settings that one of the patterns matches, each once.
std::vector<NamedValue> matching_settings(std::span<const protocol::Arg> patterns,
                                          const ServerState& server) {
  std::vector<NamedValue> all;
  for (const auto& [name, value] : server.options.settings) all.emplace_back(name, value);
  all.insert(all.end(), std::begin(kFixed), std::end(kFixed));
  std::vector<bool> is_found(all.size());
  for (const protocol::Arg& pattern : patterns) {
    const Glob glob(pattern.bytes, GlobCase::kIgnored);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!is_found[i]) is_found[i] = glob.matches(all[i].first);
    }
  }
  std::vector<NamedValue> found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (is_found[i]) found.push_back(all[i]);
  }
  return found;
}

void encode_settings(protocol::ReplyEncoder& reply, const std::vector<NamedValue>& settings) {
  reply.map(settings.size());
  for (const auto& [name, value] : settings) {
    reply.bulk(name);
    reply.bulk(value);
  }
}

}  // namespace

template <>
void handle<kConfigGet>(Context& context) {
  if (auto error = refuse_long_patterns(context.args)) return context.fail(*error);
  encode_settings(context.reply, matching_settings(context.args, context.server));
}

// CONFIG SET always fails: the settings in force are those that the server was started with.
template <>
void handle<kConfigSet>(Context& context) {
  if (context.args.size() % 2 != 0) return context.fail(errors::usage(context.command));
  if (context.args.size() / 2 > kMaxNames) return context.fail(errors::too_many_names(kMaxNames));
  for (std::size_t i = 0; i < context.args.size(); i += 2) {
    const auto is_it = [&](const auto& setting) {
      return protocol::equals_ignoring_case(setting.first, context.arg(i));
    };
    if (std::ranges::none_of(context.server.options.settings, is_it)) {
      return context.fail(errors::unknown_setting(context.arg(i)));
    }
  }
  context.fail(errors::immutable_setting(context.arg(0)));
}

template <>
void handle<kConfigResetStat>(Context& context) {
  context.server.counters.reset();
  context.reply.ok();
}

template <>
void handle<kConfigHelp>(Context& context) {
  tell_subcommands(context);
}

}  // namespace minikv::server
