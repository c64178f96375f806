// Transactions: what MULTI has opened, and what EXEC makes of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/request.h"
#include "server/arena.h"
#include "server/bounded_walks.h"
#include "server/connection.h"
#include "server/task.h"
#include "server/watched_keys.h"

namespace minikv::server {

struct ServerState;

// The requests of a client between MULTI and EXEC. What they take of memory is in few large pieces, so that it goes back to
// the system when they go.
// Thread safety: none.
class Multi {
 public:
  // All of one transaction are in the dialect that it was opened in.
  explicit Multi(protocol::Dialect dialect) : dialect_(dialect) {}

  protocol::Dialect dialect() const { return dialect_; }
  // Copies the arguments, but for those that are in `blocks`, which it keeps.
  // `bytes`: what bytes_of() has said.
  void add(const protocol::RequestView& request, std::size_t bytes, std::vector<Block> blocks);
  // A request was refused: EXEC will refuse the whole.
  void spoil() { spoiled_ = true; }
  bool is_spoiled() const { return spoiled_; }
  // At most what they add to the log.
  std::size_t bytes() const { return bytes_; }
  // Whether one of them walks over keys.
  bool walks() const { return walks_; }
  // What they occupy of memory, and how much one more might.
  std::size_t memory() const { return arena_.memory() + queued_.capacity() * sizeof(Queued) + block_bytes_; }
  static std::size_t bytes_of(const protocol::RequestView& request);

  std::size_t size() const { return queued_.size(); }
  // The `i`-th, which is kept here.
  protocol::RequestView get(std::size_t i) const;

 private:
  struct Queued {
    const protocol::CommandSpec* command = nullptr;
    std::string_view verb, subcommand;
    const protocol::Arg* args = nullptr;
    std::size_t count = 0;
  };

  protocol::Dialect dialect_;
  bool spoiled_ = false;
  bool walks_ = false;
  std::size_t bytes_ = 0;
  std::size_t block_bytes_ = 0;
  Arena arena_;
  std::vector<Memory> blocks_;
  std::vector<Queued> queued_;
};

// The commands of a transaction, executed by the writer one after the other as one batch: all of it is on disk, and to be
// seen, or none. A command that fails when it is executed is answered with its error, and the others count all the same, as
// in Redis; if the batch can't be written, nothing counts.
//
// What is not about the store (HELLO, CLIENT SETNAME, CONFIG RESETSTAT) is carried out when the transaction is answered, so
// that it has not happened either if the transaction does not: on the event loop, behind all that is about the store.
class ExecTask final : public Task {
 public:
  // `multi` has what the commands refer to. `watch`: null, or what must not have changed.
  ExecTask(std::unique_ptr<const Multi> multi, std::shared_ptr<Watch> watch)
      : Task(Memory(0)), multi_(std::move(multi)), watch_(std::move(watch)) {
    set_takes_long();
    bytes_to_prepare_ = watch_.bytes_to_prepare();
    if (bytes_to_prepare_ > 0) set_wants_preparation();
  }

  // Has the handlers of some more commands run: what they answer, or submit, becomes a part of the task. True: those were
  // all. `connection` must live for as long as the task.
  bool build(Connection& connection, ServerState& server);
  // Whether some of its commands change the connection when it is answered.
  bool has_late_parts() const { return has_late_parts_; }
  // About what it takes of memory beside the arguments.
  std::size_t overhead_bytes() const {
    return multi_->size() * kPartBytes + (multi_->walks() ? kMaxWalkedBytes : 0);
  }

  bool acts_when_answered() const override { return true; }

  std::span<OldValue> old_values() override { return old_values_; }
  void prepare(Preparation& preparation) override;
  std::uint64_t bytes_to_prepare() const override { return bytes_to_prepare_; }
  Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) override;
  bool reads_values() const override { return true; }
  std::uint64_t bytes_for_reader() const override;
  Answered refuse_next(protocol::ReplyEncoder& reply, const protocol::ErrorReply& error) override;

 private:
  static constexpr std::size_t kPartBytes = 768;  // a part, its task and what the task has allocated
  struct Part {
    protocol::ReplyBuffer reply;
    std::unique_ptr<Task> task;
    bool refused = false;  // there was no room left for it in the batch
    bool walked_too_far = false;
    bool is_late = false;  // its command is run when it is answered
  };

  friend class Collector;
  void run_late(std::size_t i, protocol::ReplyEncoder& reply);
  // The command that was begun last is a task.
  void add_task(std::unique_ptr<Task> task);
  void perform(Transaction& transaction) override;

  std::unique_ptr<const Multi> multi_;
  WatchCheck watch_;
  std::vector<Part> parts_;
  std::vector<OldValue> old_values_;
  std::size_t built_ = 0;     // commands whose handlers have run
  std::size_t answered_ = 0;  // parts whose replies have been made
  bool has_head_ = false;     // and what comes before them
  Connection* connection_ = nullptr;
  ServerState* server_ = nullptr;
  bool has_late_parts_ = false;
  std::optional<protocol::ReplyFormat> format_now_;  // since a late part has changed it
  std::uint64_t most_bytes_ = 0;
  std::uint64_t bytes_to_prepare_ = 0;
  bool aborted_ = false;  // a watched key has changed
};

// What the handlers of a transaction's commands see of the connection. They have all they need at hand: none of them waits
// until it is quiet, runs aside, or begins another transaction.
class InTransaction : public Connection {
 public:
  explicit InTransaction(Connection& connection) : connection_(connection) {}

  ClientState& client() override { return connection_.client(); }
  bool is_quiet() const override { return true; }
  bool in_transaction() const override { return true; }
  void execute(std::unique_ptr<ExecTask> exec) override;
  std::vector<Block> take_blocks() override { return {}; }
  bool takes_replies() const override { return true; }
  bool reserve(std::uint64_t bytes) override { return connection_.reserve(bytes); }
  void defer() override;
  void run_in_slices(AsideSlice slice, HowLong how_long) override;
  void hold_requests() override;
  void set_authenticated(bool is) override { connection_.set_authenticated(is); }
  void close_when_answered() override { connection_.close_when_answered(); }

 private:
  Connection& connection_;
};

// For those that are run at EXEC: they find writes in flight, as indeed there may be, and what they submit becomes a part
// of the transaction.
class Collector final : public InTransaction {
 public:
  Collector(Connection& connection, ExecTask& exec) : InTransaction(connection), exec_(exec) {}

  bool has_writes_in_flight() const override { return true; }
  void submit(std::unique_ptr<Task> task) override { exec_.add_task(std::move(task)); }
  void look_up(std::unique_ptr<Task> task) override { exec_.add_task(std::move(task)); }
  void load(std::unique_ptr<Task> task) override { exec_.add_task(std::move(task)); }
  // The transaction has them, and its task has the transaction.
  Memory memory_for(std::span<const protocol::Arg> args) override {
    std::size_t bytes = 0;
    for (const protocol::Arg& arg : args) bytes += arg.bytes.size();
    return Memory::borrowed(bytes);
  }

 private:
  ExecTask& exec_;
};

// For those that are run when the transaction is answered: they answer at once.
class Afterwards final : public InTransaction {
 public:
  using InTransaction::InTransaction;

  bool has_writes_in_flight() const override { return false; }
  void submit(std::unique_ptr<Task> task) override;
  void look_up(std::unique_ptr<Task> task) override;
  void load(std::unique_ptr<Task> task) override;
};

}  // namespace minikv::server
