// MULTI, EXEC, DISCARD, WATCH, UNWATCH.
#include <memory>
#include <utility>
#include <vector>

#include "server/commands/handlers.h"
#include "server/dispatcher.h"
#include "server/multi.h"

namespace minikv::server {

namespace errors = protocol::errors;

template <>
void handle<kMulti>(Context& context) {
  ClientState& client = context.connection.client();
  if (client.multi) return context.fail(errors::nested_multi());
  client.multi =
      std::make_unique<Multi>(context.is_text() ? protocol::Dialect::kText : protocol::Dialect::kResp);
  context.reply.ok();
}

template <>
void handle<kDiscard>(Context& context) {
  ClientState& client = context.connection.client();
  if (!client.multi) return context.fail(errors::without_multi("DISCARD"));
  client.multi.reset();
  client.watch.reset();
  context.reply.ok();
}

template <>
void handle<kExec>(Context& context) {
  ClientState& client = context.connection.client();
  const std::unique_ptr<Multi> multi = std::move(client.multi);
  if (!multi) return context.fail(errors::without_multi("EXEC"));
  const protocol::Dialect dialect = context.is_text() ? protocol::Dialect::kText : protocol::Dialect::kResp;
  std::shared_ptr<Watch> watch = std::move(client.watch);
  if (multi->is_spoiled()) return context.fail(errors::exec_abort());
  if (dialect != multi->dialect()) return context.fail(errors::other_dialect_in_multi());
  auto exec = std::make_unique<ExecTask>(std::move(watch));
  Collector collector(context.connection, *exec);
  for (const protocol::Request& request : multi->requests()) {
    dispatch(request, exec->add_reply(), collector, context.server);
  }
  exec->finish();
  context.connection.submit(std::move(exec));
}

template <>
void handle<kWatch>(Context& context) {
  ClientState& client = context.connection.client();
  if (client.multi) return context.fail(errors::watch_inside_multi());
  if (!client.watch) client.watch = std::make_shared<Watch>(context.server.watched_keys);
  Memory memory = context.memory();
  const std::vector<std::string_view> keys = context.keep_all(memory);
  context.submit(std::move(memory), [keys, watch = client.watch](Transaction& transaction) {
    for (const std::string_view key : keys) watch->watch(transaction, key);
    return Outcome::ok();
  });
}

template <>
void handle<kUnwatch>(Context& context) {
  context.connection.client().watch.reset();
  context.reply.ok();
}

}  // namespace minikv::server
