// MULTI, EXEC, DISCARD, WATCH, UNWATCH.
#include <cassert>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "server/commands/exec.h"
#include "server/commands/handlers.h"
#include "server/commands/values_task.h"
#include "server/request/multi.h"

namespace minikv::server {

namespace errors = protocol::errors;

namespace {

// A watch of many keys takes a while to destroy, so a worker does that.
std::shared_ptr<Watch> make_watch(ServerState& server) {
  constexpr std::uint64_t kManyBytes = 64 * 1024;
  return {new Watch(server.watched_keys, server.client_memory), [&server](Watch* last) {
            try {
              std::shared_ptr<Watch> watch(last);
              if (watch->memory().bytes() < kManyBytes) return;
              server.run_on_worker([watch = std::move(watch)]() mutable { watch.reset(); });
            } catch (const std::bad_alloc&) {
              // This thread has destroyed the watch.
            }
          }};
}

// A WATCH that is not carried out, for whatever reason, makes the next EXEC fail.
class WatchTask : public Task {
 public:
  WatchTask(ArgumentArena memory, std::shared_ptr<Watch> watch)
      : Task(std::move(memory)), watch_(std::move(watch)) {}

  Answered encode_some(protocol::ReplyEncoder& reply, const Reading&) override {
    reply.ok();
    return Answered::kWhole;
  }
  void refused() noexcept override { watch_->fail(); }

 protected:
  Watch& watch() { return *watch_; }

 private:
  std::shared_ptr<Watch> watch_;
};

class WatchFewTask final : public WatchTask {
 public:
  WatchFewTask(ArgumentArena memory, std::vector<std::string_view> keys, std::shared_ptr<Watch> watch)
      : WatchTask(std::move(memory), std::move(watch)), keys_(std::move(keys)) {}

 private:
  void perform(Transaction& transaction) override {
    for (const std::string_view key : keys_) watch().watch(transaction, key);
  }

  std::vector<std::string_view> keys_;
};

class WatchManyTask final : public WatchTask {
 public:
  WatchManyTask(std::unique_ptr<WatchedMany> many, std::shared_ptr<Watch> watch)
      : WatchTask(ArgumentArena(0), std::move(watch)), many_(std::move(many)), lookup_(many_->keys()) {
    set_wants_preparation();
  }

  std::uint64_t bytes_to_prepare() const override { return KeyLookup::memory_for(many_->keys().size()); }
  void prepare(Preparation& preparation) override {
    preparation.look_up(lookup_);
    if (lookup_.is_begun()) many_->note(lookup_);
  }

 private:
  void perform(Transaction& transaction) override {
    transaction.look_up(lookup_);
    many_->begin(lookup_);
    watch().add(std::move(many_));
  }

  std::unique_ptr<WatchedMany> many_;
  KeyLookup lookup_;
};

}  // namespace

template <>
void handle<kMulti>(Context& context) {
  ClientState& client = context.connection.client();
  client.open_transaction(context.is_text() ? protocol::Dialect::kText : protocol::Dialect::kResp);
  context.reply.ok();
}

template <>
void handle<kDiscard>(Context& context) {
  ClientState& client = context.connection.client();
  assert(client.multi);
  client.end_transaction();
  client.forget_watch();
  context.reply.ok();
}

template <>
void handle<kExec>(Context& context) {
  ClientState& client = context.connection.client();
  std::unique_ptr<const Multi> owner = client.end_transaction();
  const Multi* const multi = owner.get();
  assert(multi != nullptr);
  const protocol::Dialect dialect = context.is_text() ? protocol::Dialect::kText : protocol::Dialect::kResp;
  std::shared_ptr<Watch> watch = std::move(client.watch);
  const bool watch_was_refused = std::exchange(client.watch_was_refused, false);
  if (multi->is_spoiled()) return context.fail(errors::exec_abort());
  if (dialect != multi->dialect()) return context.fail(errors::other_dialect_in_multi());
  if (watch_was_refused) return context.reply.aborted();
  context.connection.execute(std::make_unique<ExecTask>(std::move(owner), std::move(watch), context.server));
}

template <>
void handle<kWatch>(Context& context) {
  ClientState& client = context.connection.client();
  // Set until the task has been submitted, so that it stays set if there is no memory for that.
  const bool was_refused = std::exchange(client.watch_was_refused, true);
  std::uint64_t bytes = 0;
  for (const protocol::Arg& arg : context.args) bytes += Watch::bytes_of_key(arg.bytes.size());
  if (!client.watch) client.watch = make_watch(context.server);
  if (!client.watch->memory().try_add(bytes)) {
    context.server.client_memory.count_refusal();
    return context.fail(errors::watch_without_memory());
  }
  ArgumentArena memory = context.memory();
  std::vector<std::string_view> keys = context.keep_all(memory);
  if (are_many(keys.size())) {
    client.watch->expect_many(keys.size());
    auto many =
        std::make_unique<WatchedMany>(context.server.watched_keys, std::move(memory), std::move(keys));
    context.connection.submit(std::make_unique<WatchManyTask>(std::move(many), client.watch));
    // EXEC has to wait for the answer, so that a reader can prepare its check.
    context.connection.hold_requests();
  } else {
    context.connection.submit(
        std::make_unique<WatchFewTask>(std::move(memory), std::move(keys), client.watch));
  }
  client.watch_was_refused = was_refused;
}

template <>
void handle<kUnwatch>(Context& context) {
  context.connection.client().forget_watch();
  context.reply.ok();
}

}  // namespace minikv::server
