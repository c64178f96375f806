// MULTI, EXEC, DISCARD, WATCH, UNWATCH.
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "server/commands/handlers.h"
#include "server/commands/values_task.h"
#include "server/dispatcher.h"
#include "server/multi.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

// A watch of many keys takes a while to be forgotten: a worker does that.
std::shared_ptr<Watch> make_watch(ServerState& server) {
  constexpr std::uint64_t kManyBytes = 64 * 1024;
  return {new Watch(server.watched_keys, server.client_memory), [&server](Watch* last) {
            try {
              std::shared_ptr<Watch> watch(last);
              if (watch->memory().bytes() < kManyBytes) return;
              server.run_on_worker([watch = std::move(watch)]() mutable { watch.reset(); });
            } catch (const std::bad_alloc&) {
              // It has been forgotten here.
            }
          }};
}

// WATCH of very many keys.
class WatchManyTask final : public Task {
 public:
  WatchManyTask(std::unique_ptr<WatchedMany> many, std::shared_ptr<Watch> watch)
      : Task(Memory(0)), watch_(std::move(watch)), many_(std::move(many)), lookup_(many_->keys()) {
    set_wants_preparation();
  }

  std::uint64_t bytes_to_prepare() const override { return KeyLookup::memory_for(many_->keys().size()); }
  void prepare(Preparation& preparation) override {
    preparation.look_up(lookup_);
    if (lookup_.is_begun()) many_->note(lookup_);
  }
  Answered encode_some(protocol::ReplyEncoder& reply, const Reading&) override {
    reply.ok();
    return Answered::kWhole;
  }

 private:
  void perform(Transaction& transaction) override {
    transaction.look_up(lookup_);
    many_->begin(lookup_);
    watch_->add(std::move(many_));
  }

  std::shared_ptr<Watch> watch_;
  std::unique_ptr<WatchedMany> many_;
  KeyLookup lookup_;
};

}  // namespace

template <>
void handle<kMulti>(Context& context) {
  ClientState& client = context.connection.client();
  if (client.multi) return context.fail(errors::nested_multi());
  client.open_transaction(context.is_text() ? protocol::Dialect::kText : protocol::Dialect::kResp);
  context.reply.ok();
}

template <>
void handle<kDiscard>(Context& context) {
  ClientState& client = context.connection.client();
  if (!client.end_transaction()) return context.fail(errors::without_multi("DISCARD"));
  client.watch.reset();
  context.reply.ok();
}

template <>
void handle<kExec>(Context& context) {
  ClientState& client = context.connection.client();
  std::unique_ptr<const Multi> owner = client.end_transaction();
  const Multi* const multi = owner.get();
  if (!multi) return context.fail(errors::without_multi("EXEC"));
  const protocol::Dialect dialect = context.is_text() ? protocol::Dialect::kText : protocol::Dialect::kResp;
  std::shared_ptr<Watch> watch = std::move(client.watch);
  if (multi->is_spoiled()) return context.fail(errors::exec_abort());
  if (dialect != multi->dialect()) return context.fail(errors::other_dialect_in_multi());
  context.connection.execute(std::make_unique<ExecTask>(std::move(owner), std::move(watch)));
}

template <>
void handle<kWatch>(Context& context) {
  ClientState& client = context.connection.client();
  if (client.multi) return context.fail(errors::watch_inside_multi());
  std::uint64_t bytes = 0;
  for (const protocol::Arg& arg : context.args) bytes += Watch::bytes_of_key(arg.bytes.size());
  if (!client.watch) {
    client.watch = make_watch(context.server);
  }
  if (!client.watch->memory().try_add(bytes)) {
    client.watch->fail();
    context.server.client_memory.count_refusal();
    return context.fail(errors::watch_without_memory());
  }
  Memory memory = context.memory();
  std::vector<std::string_view> keys = context.keep_all(memory);
  if (are_many(keys.size())) {
    client.watch->expect_many(keys.size());
    auto many =
        std::make_unique<WatchedMany>(context.server.watched_keys, std::move(memory), std::move(keys));
    context.connection.submit(std::make_unique<WatchManyTask>(std::move(many), client.watch));
    // So that a reader can prepare what EXEC asks.
    return context.connection.hold_requests();
  }
  context.submit(std::move(memory), [keys = std::move(keys), watch = client.watch](Transaction& transaction) {
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
