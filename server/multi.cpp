#include "server/multi.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "server/dispatcher.h"
#include "server/errors.h"

namespace minikv::server {

namespace {

constexpr std::size_t kOverheadBytes = 64;
// Of a long transaction so much is gone through before other connections have their turns.
constexpr std::size_t kCommandsAtOnce = 512;
constexpr std::size_t kArgumentsAtOnce = 4096;

using protocol::ReplyEncoder;

// Whether the command is about something else than the store.
bool is_beside_the_store(const protocol::CommandSpec& command) {
  return (command.flags & (protocol::kFlagWrite | protocol::kFlagReadOnly)) == 0;
}

bool is_walk(protocol::CommandId command) {
  using enum protocol::CommandId;
  return command == kKeys || command == kList || command == kRange || command == kScan ||
         command == kRandomKey;
}

}  // namespace

// ---- Multi ----

std::size_t Multi::bytes_of(const protocol::RequestView& request) {
  std::size_t bytes = kOverheadBytes + request.args.size() * sizeof(protocol::Arg);
  bytes += request.verb.size() + request.subcommand.size();
  for (const protocol::Arg& arg : request.args) bytes += arg.bytes.size();
  return bytes;
}

void Multi::add(const protocol::RequestView& request, std::size_t bytes, std::vector<Block> blocks) {
  Memory kept(std::move(blocks));
  const std::span<protocol::Arg> args = arena_.copy_all(request.args);
  for (protocol::Arg& arg : args) {
    if (!kept.has(arg.bytes)) arg.bytes = arena_.copy(arg.bytes);
  }
  queued_.push_back({request.command, arena_.copy(request.verb), arena_.copy(request.subcommand), args.data(),
                     args.size()});
  bytes_ += bytes;
  walks_ |= is_walk(request.command->id);
  if (kept.capacity() == 0) return;
  block_bytes_ += kept.capacity();
  blocks_.push_back(std::move(kept));
}

protocol::RequestView Multi::get(std::size_t i) const {
  const Queued& queued = queued_[i];
  return {dialect_, queued.command, queued.verb, queued.subcommand, std::span(queued.args, queued.count)};
}

// ---- ExecTask ----

bool ExecTask::build(Connection& connection, ServerState& server) {
  connection_ = &connection;
  server_ = &server;
  parts_.reserve(multi_->size());
  Collector collector(connection, *this);
  const std::size_t last = std::min(multi_->size(), built_ + kCommandsAtOnce);
  for (std::size_t args = 0; built_ < last && args < kArgumentsAtOnce; ++built_) {
    const protocol::RequestView request = multi_->get(built_);
    args += request.args.size();
    Part& part = parts_.emplace_back();
    part.is_late = is_beside_the_store(*request.command);
    has_late_parts_ |= part.is_late;
    if (!part.is_late) dispatch(request, part.reply, collector, server);
  }
  if (built_ < multi_->size()) return false;
  set_bytes(bytes() + static_cast<std::size_t>(most_bytes_));
  return true;
}

void ExecTask::add_task(std::unique_ptr<Task> task) {
  assert(!parts_.empty() && !parts_.back().task);
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
  if (watch_.has_changed(transaction)) {
    aborted_ = true;
    return;
  }
  BoundedWalks bounded(transaction);
  for (Part& part : parts_) {
    if (!part.task) continue;
    // What it brings, and what it makes anew of what is there.
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
    ReplyEncoder in_its_format = reply.in(format_now_.value_or(reply.format()));
    if (part.is_late) {
      if (reading.may_wait) return Answered::kInPart;  // the event loop's
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

// Its reply may be the first in another format.
void ExecTask::run_late(std::size_t i, protocol::ReplyEncoder& reply) {
  const protocol::RequestView request = multi_->get(i);
  Afterwards afterwards(*connection_);
  protocol::ReplyBuffer out;
  dispatch(request, out, afterwards, *server_);
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

std::uint64_t ExecTask::bytes_for_reader() const {
  if (aborted_ || answered_ == parts_.size()) return 0;
  const Part& part = parts_[answered_];
  return kMaxBytesAtOnce + (part.task ? part.task->bytes_for_reader() : 0);
}

// ---- InTransaction ----

void InTransaction::execute(std::unique_ptr<ExecTask>) {
  assert(false && "there is no EXEC in a transaction");
}

void InTransaction::defer() { assert(false && "a transaction's commands find the connection quiet"); }

// Those that may take long are not allowed in a transaction.
void InTransaction::run_in_slices(AsideSlice, HowLong) {
  assert(false && "no command of a transaction runs aside");
}

void InTransaction::hold_requests() { assert(false && "there is no EXEC in a transaction"); }

// ---- Afterwards ----

void Afterwards::submit(std::unique_ptr<Task>) {
  assert(false && "only what is about the store submits a task");
}

void Afterwards::look_up(std::unique_ptr<Task>) {
  assert(false && "only what is about the store looks anything up");
}

void Afterwards::load(std::unique_ptr<Task>) {
  assert(false && "only what is about the store loads anything");
}

}  // namespace minikv::server
