// Transactions: what MULTI has opened, and what EXEC makes of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/request.h"
#include "server/connection.h"
#include "server/task.h"
#include "server/watched_keys.h"

namespace minikv::server {

// The requests of a client between MULTI and EXEC, each with a copy of its arguments.
// Thread safety: none.
class Multi {
 public:
  // All of one transaction are in the dialect that it was opened in.
  explicit Multi(protocol::Dialect dialect) : dialect_(dialect) {}

  protocol::Dialect dialect() const { return dialect_; }
  void add(const protocol::Request& request);
  // A request was refused: EXEC will refuse the whole.
  void spoil() { spoiled_ = true; }
  bool is_spoiled() const { return spoiled_; }
  // About what they take in memory, and at most what they add to the log.
  std::size_t bytes() const { return bytes_; }
  static std::size_t bytes_of(const protocol::Request& request);

  const std::vector<protocol::Request>& requests() const { return requests_; }

 private:
  protocol::Dialect dialect_;
  bool spoiled_ = false;
  std::size_t bytes_ = 0;
  std::vector<Memory> memories_;
  std::vector<protocol::Request> requests_;
};

// The commands of a transaction, executed by the writer one after the other as one batch: all of it is on disk, and to be
// seen, or none. A command that fails when it is executed is answered with its error, and the others count all the same, as
// in Redis; if the batch can't be written, nothing counts.
class ExecTask final : public Task {
 public:
  // `watch`: null, or what must not have changed.
  explicit ExecTask(std::shared_ptr<Watch> watch) : Task(Memory(0)), watch_(std::move(watch)) {
    set_takes_long();
  }

  // The next command: `reply` is what was answered at once, unless add_task() is called.
  std::string& add_reply() { return parts_.emplace_back().reply; }
  // The last one is a task.
  void add_task(std::unique_ptr<Task> task);
  // After the last one.
  void finish();

  std::span<OldValue> old_values() override { return old_values_; }
  bool try_load() override;
  void load() override;
  std::uint64_t loading_bytes() const override;

 private:
  struct Part {
    std::string reply;
    std::unique_ptr<Task> task;
    bool refused = false;  // there was no room left for it in the batch
  };

  void perform(Transaction& transaction) override;
  void encode(protocol::ReplyEncoder& reply) override;

  std::shared_ptr<Watch> watch_;
  std::vector<Part> parts_;
  std::vector<OldValue> old_values_;
  std::size_t loaded_ = 0;  // parts that have all they need for their reply
  std::uint64_t most_bytes_ = 0;
  bool aborted_ = false;  // a watched key has changed
};

// What the handlers of a transaction's commands see of the connection: they find writes in flight, as indeed there may be,
// and what they submit becomes a part of the transaction.
class Collector final : public Connection {
 public:
  Collector(Connection& connection, ExecTask& exec) : connection_(connection), exec_(exec) {}

  ClientState& client() override { return connection_.client(); }
  bool has_writes_in_flight() const override { return true; }
  bool is_quiet() const override { return true; }
  bool in_transaction() const override { return true; }
  void submit(std::unique_ptr<Task> task) override { exec_.add_task(std::move(task)); }
  void load(std::unique_ptr<Task> task) override { exec_.add_task(std::move(task)); }
  void defer() override;
  using Connection::run_aside;
  void run_aside(std::function<Encode()> work, Aside how_long) override;
  void set_authenticated() override { connection_.set_authenticated(); }
  void close_when_answered() override { connection_.close_when_answered(); }

 private:
  Connection& connection_;
  ExecTask& exec_;
};

}  // namespace minikv::server
