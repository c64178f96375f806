// How EXEC's task is built, executed and answered.
#include "server/commands/exec.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "server/commands/dispatcher.h"
#include "server/request/bounded_walks.h"
#include "server/request/errors.h"

namespace minikv::server {

namespace {

// The maximum of a long transaction that is built before other connections have their turns.
constexpr std::size_t kCommandsAtOnce = 512;
constexpr std::size_t kArgumentsAtOnce = 4096;

// The connection as the handlers of a transaction's commands see it. The handlers have all they need at hand:
// none of them waits until the connection is quiet, runs on a worker, or begins another transaction.
class InTransaction : public Connection {
 public:
  explicit InTransaction(Connection& connection) : connection_(connection) {}

  ClientState& client() override { return connection_.client(); }
  bool is_quiet() const override { return true; }
  bool in_transaction() const override { return true; }
  void execute(std::unique_ptr<BatchTask>) override { assert(false && "there is no EXEC in a transaction"); }
  std::vector<Block> take_blocks() override { return {}; }
  bool takes_replies() const override { return true; }
  bool reserve(std::uint64_t bytes) override { return connection_.reserve(bytes); }
  void defer() override { assert(false && "a transaction's commands find the connection quiet"); }
  // Commands that may take long are not allowed in a transaction.
  void run_in_slices(AsideSlice, HowLong) override {
    assert(false && "no command of a transaction runs aside");
  }
  void hold_requests() override { assert(false && "there is no EXEC in a transaction"); }
  void set_authenticated(bool is) override { connection_.set_authenticated(is); }
  void close_when_answered() override { connection_.close_when_answered(); }

 private:
  Connection& connection_;
};

// For handlers that run at EXEC: they find writes in flight, as indeed there may be, and their tasks become
// parts of the transaction.
class Collector final : public InTransaction {
 public:
  Collector(Connection& connection, ExecTask& exec) : InTransaction(connection), exec_(exec) {}

  bool has_writes_in_flight() const override { return true; }
  void submit(std::unique_ptr<Task> task) override { exec_.add_task(std::move(task)); }
  void look_up(std::unique_ptr<Task> task) override { exec_.add_task(std::move(task)); }
  void load(std::unique_ptr<Task> task) override { exec_.add_task(std::move(task)); }
  // ExecTask::multi_ has the arguments, and lives as long as the task.
  ArgumentArena memory_for(std::span<const protocol::Arg> args) override {
    std::size_t bytes = 0;
    for (const protocol::Arg& arg : args) bytes += arg.bytes.size();
    return ArgumentArena::borrowed(bytes);
  }

 private:
  ExecTask& exec_;
};

// For handlers that run when the transaction is answered: they answer at once.
class Afterwards final : public InTransaction {
 public:
  using InTransaction::InTransaction;

  bool has_writes_in_flight() const override { return false; }
  void submit(std::unique_ptr<Task>) override {
    assert(false && "only what is about the store submits a task");
  }
  void look_up(std::unique_ptr<Task>) override {
    assert(false && "only what is about the store looks anything up");
  }
  void load(std::unique_ptr<Task>) override {
    assert(false && "only what is about the store loads anything");
  }
};

// Whether the command is about something else than the store.
bool is_beside_the_store(const protocol::CommandSpec& command) {
  return (command.flags & (protocol::kFlagWrite | protocol::kFlagReadOnly)) == 0;
}

}  // namespace

ExecTask::ExecTask(std::unique_ptr<const Multi> multi, std::shared_ptr<Watch> watch, ServerState& server)
    : BatchTask(ArgumentArena(0)), multi_(std::move(multi)), server_(server), watch_(std::move(watch)) {
  set_takes_long();
  bytes_to_prepare_ = watch_.bytes_to_prepare();
  if (bytes_to_prepare_ > 0) set_wants_preparation();
}

bool ExecTask::build(Connection& connection) {
  assert(built_ == 0 || !is_built());
  assert(connection_ == nullptr || connection_ == &connection);
  connection_ = &connection;
  parts_.reserve(multi_->size());
  Collector collector(connection, *this);
  const std::size_t last = std::min(multi_->size(), built_ + kCommandsAtOnce);
  for (std::size_t args = 0; built_ < last && args < kArgumentsAtOnce; ++built_) {
    const protocol::RequestView request = multi_->get(built_);
    args += request.args.size();
    Part& part = parts_.emplace_back();
    part.is_late = is_beside_the_store(*request.command);
    has_late_parts_ |= part.is_late;
    if (!part.is_late) dispatch(request, part.reply, collector, server_);
  }
  if (!is_built()) return false;
  set_bytes(bytes() + static_cast<std::size_t>(most_bytes_));
  return true;
}

void ExecTask::add_task(std::unique_ptr<Task> task) {
  assert(!parts_.empty() && !parts_.back().task && !parts_.back().is_late);
  most_bytes_ += task->bytes();
  for (const OldValue& old : task->old_values()) {
    old_values_.push_back({old.key, old.max_bytes, old.more_bytes, old.least_bytes});
  }
  if (task->wants_preparation()) set_wants_preparation();
  bytes_to_prepare_ += task->bytes_to_prepare();
  parts_.back().task = std::move(task);
}

void ExecTask::prepare(Preparation& preparation) {
  watch_.prepare(preparation);
  for (Part& part : parts_) {
    if (part.task && part.task->wants_preparation()) part.task->prepare(preparation);
  }
}

void ExecTask::perform(Transaction& transaction) {
  assert(is_built());
  if (watch_.has_changed(transaction)) {
    aborted_ = true;
    return;
  }
  BoundedWalks bounded(transaction);
  for (Part& part : parts_) {
    if (!part.task) continue;
    // The maximum that the part writes: its arguments, and the old values that it changes.
    std::uint64_t most = part.task->bytes();
    for (const OldValue& old : part.task->old_values()) {
      const auto entry = transaction.find(old.key);
      if (entry) most += std::min<std::uint64_t>(entry->value_bytes, old.max_bytes);
    }
    part.refused = most > transaction.room();
    if (part.refused) continue;
    part.task->perform(bounded);
    part.walked_too_far = bounded.take_exceeded();
    if (part.walked_too_far) part.task.reset();
  }
}

Answered ExecTask::encode_some(protocol::ReplyEncoder& reply, const Reading& reading) {
  if (aborted_) {
    reply.aborted();
    return Answered::kWhole;
  }
  if (!std::exchange(has_head_, true)) reply.multi(parts_.size());
  const std::size_t before = reply.bytes(), begin = answered_;
  for (; answered_ < parts_.size(); ++answered_) {
    if (reply.bytes() - before >= kMaxBytesAtOnce || answered_ - begin == kMaxValuesAtOnce)
      return Answered::kInPart;
    Part& part = parts_[answered_];
    protocol::ReplyEncoder in_its_format = reply.in(format_now_.value_or(reply.format()));
    if (part.is_late) {
      if (reading.may_wait) return Answered::kInPart;  // the event loop goes on
      run_late(answered_, in_its_format);
    } else if (part.walked_too_far) {
      in_its_format.error(protocol::errors::transaction_walks_too_far(kMaxWalkedBytes));
    } else if (!part.task) {
      reply.raw(std::move(part.reply));
    } else if (part.refused) {
      reply.error(protocol::errors::no_room_in_transaction());
    } else if (const Answered answered = part.task->encode_some(in_its_format, reading);
               answered != Answered::kWhole) {
      return answered;
    }
    part.task.reset();
  }
  return Answered::kWhole;
}

// The reply of a late part may be the first in another format.
void ExecTask::run_late(std::size_t i, protocol::ReplyEncoder& reply) {
  assert(is_built() && connection_ != nullptr);
  const protocol::RequestView request = multi_->get(i);
  Afterwards afterwards(*connection_);
  protocol::ReplyBuffer out;
  dispatch(request, out, afterwards, server_);
  reply.raw(std::move(out));
  format_now_ = reply_format(request.dialect, connection_->client());
}

Answered ExecTask::refuse_next(protocol::ReplyEncoder& reply, const protocol::ErrorReply& error) {
  if (answered_ < parts_.size() && parts_[answered_].task) {
    if (parts_[answered_].task->refuse_next(reply, error) == Answered::kInPart) return Answered::kInPart;
    parts_[answered_].task.reset();
  }
  ++answered_;
  return answered_ >= parts_.size() ? Answered::kWhole : Answered::kInPart;
}

std::size_t ExecTask::overhead_bytes() const {
  return multi_->size() * kPartBytes + (multi_->walks() ? kMaxWalkedBytes : 0);
}

std::uint64_t ExecTask::bytes_for_reader() const {
  if (aborted_ || answered_ == parts_.size()) return 0;
  const Part& part = parts_[answered_];
  return kMaxBytesAtOnce + (part.task ? part.task->bytes_for_reader() : 0);
}

}  // namespace minikv::server
