// ROLE, LASTSAVE, ACL, MODULE, CLUSTER, LATENCY: commands by which clients and tools learn what kind of
// server this is. The replies say that there are no replicas, one user, no modules and no cluster, and that
// latencies are not recorded.
#include <cstdint>
#include <string_view>

#include "server/commands/handlers.h"
#include "server/commands/subcommands.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

constexpr std::string_view kOnlyUser = "default";

void refuse_cluster(const Context& context) { context.fail(errors::cluster_disabled()); }

}  // namespace

// A master at offset 0 without replicas, as a Redis that never had one.
template <>
void handle<kRole>(Context& context) {
  context.reply.array(3);
  context.reply.bulk("master");
  context.reply.integer(0);
  context.reply.array(0);
}

template <>
void handle<kLastSave>(Context& context) {
  context.reply.integer(context.store().stats().durable_unix_ms / 1000);
}

template <>
void handle<kAclWhoAmI>(Context& context) {
  context.reply.bulk(kOnlyUser);
}

template <>
void handle<kAclUsers>(Context& context) {
  context.reply.array(1);
  context.reply.bulk(kOnlyUser);
}

template <>
void handle<kAclHelp>(Context& context) {
  tell_subcommands(context);
}

template <>
void handle<kModuleList>(Context& context) {
  context.reply.array(0);
}

template <>
void handle<kModuleHelp>(Context& context) {
  tell_subcommands(context);
}

// Redis answers CLUSTER INFO with the same error as the others. The reply here can say that the server is no
// cluster.
template <>
void handle<kClusterInfo>(Context& context) {
  context.reply.verbatim("cluster_enabled:0\r\n");
}

template <>
void handle<kClusterNodes>(Context& context) {
  refuse_cluster(context);
}

template <>
void handle<kClusterSlots>(Context& context) {
  refuse_cluster(context);
}

template <>
void handle<kClusterShards>(Context& context) {
  refuse_cluster(context);
}

template <>
void handle<kClusterLinks>(Context& context) {
  refuse_cluster(context);
}

template <>
void handle<kClusterMyId>(Context& context) {
  refuse_cluster(context);
}

template <>
void handle<kClusterKeySlot>(Context& context) {
  refuse_cluster(context);
}

template <>
void handle<kClusterCountKeysInSlot>(Context& context) {
  refuse_cluster(context);
}

template <>
void handle<kClusterGetKeysInSlot>(Context& context) {
  refuse_cluster(context);
}

template <>
void handle<kClusterHelp>(Context& context) {
  tell_subcommands(context);
}

template <>
void handle<kLatencyLatest>(Context& context) {
  context.reply.array(0);
}

template <>
void handle<kLatencyHistory>(Context& context) {
  context.reply.array(0);
}

template <>
void handle<kLatencyGraph>(Context& context) {
  context.fail(errors::no_latency_samples(context.arg(0)));
}

template <>
void handle<kLatencyReset>(Context& context) {
  context.reply.integer(0);
}

template <>
void handle<kLatencyHistogram>(Context& context) {
  context.reply.map(0);
}

template <>
void handle<kLatencyDoctor>(Context& context) {
  context.reply.verbatim(
      "Latency monitoring is off: this server records neither events nor how long commands take. SLOWLOG GET "
      "shows the "
      "commands that took long.\n");
}

template <>
void handle<kLatencyHelp>(Context& context) {
  tell_subcommands(context);
}

}  // namespace minikv::server
