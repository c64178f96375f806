#include "server/multi.h"

#include <algorithm>
#include <cassert>

#include "server/commands/read.h"
#include "server/errors.h"

namespace minikv::server {

namespace {

constexpr std::size_t kOverheadBytes = 64;

}  // namespace

// ---- Multi ----

std::size_t Multi::bytes_of(const protocol::Request& request) {
  std::size_t bytes = kOverheadBytes + request.args.size() * sizeof(protocol::Arg);
  for (const protocol::Arg& arg : request.args) bytes += arg.bytes.size();
  return bytes;
}

void Multi::add(const protocol::Request& request) {
  std::size_t bytes = 0;
  for (const protocol::Arg& arg : request.args) bytes += arg.bytes.size();
  Memory& memory = memories_.emplace_back(bytes);
  protocol::Request& kept = requests_.emplace_back(request);
  for (protocol::Arg& arg : kept.args) arg.bytes = memory.keep(arg.bytes);
  bytes_ += bytes_of(request);
}

// ---- ExecTask ----

void ExecTask::add_task(std::unique_ptr<Task> task) {
  assert(!parts_.empty() && !parts_.back().task);
  most_bytes_ += task->bytes();
  for (const OldValue& old : task->old_values()) old_values_.push_back({old.key, old.max_bytes});
  parts_.back().task = std::move(task);
}

void ExecTask::finish() { set_bytes(bytes() + static_cast<std::size_t>(most_bytes_)); }

void ExecTask::perform(Transaction& transaction) {
  if (watch_ && watch_->has_changed(transaction)) {
    aborted_ = true;
    return;
  }
  for (Part& part : parts_) {
    if (!part.task) continue;
    // What it brings, and what it makes anew of what is there.
    std::uint64_t most = part.task->bytes();
    for (const OldValue& old : part.task->old_values()) {
      const auto entry = transaction.find(old.key);
      if (entry) most += std::min<std::uint64_t>(entry->value_bytes, old.max_bytes);
    }
    part.refused = most > transaction.room();
    if (!part.refused) part.task->perform(transaction);
  }
}

bool ExecTask::try_load() {
  if (aborted_) return true;
  std::uint64_t bytes = 0;
  for (; loaded_ < parts_.size(); ++loaded_) {
    Part& part = parts_[loaded_];
    if (!part.task || part.refused) continue;
    bytes += part.task->loading_bytes();
    if (bytes > kMaxBytesAtOnce || !part.task->try_load()) return false;
  }
  return true;
}

void ExecTask::load() {
  for (; loaded_ < parts_.size(); ++loaded_) {
    Part& part = parts_[loaded_];
    if (part.task && !part.refused) part.task->load();
  }
}

std::uint64_t ExecTask::loading_bytes() const {
  std::uint64_t bytes = 0;
  for (const Part& part : parts_) bytes += part.task ? part.task->loading_bytes() : 0;
  return bytes;
}

void ExecTask::encode(protocol::ReplyEncoder& reply) {
  if (aborted_) return reply.aborted();
  reply.multi(parts_.size());
  for (Part& part : parts_) {
    if (!part.task) {
      reply.raw(part.reply);
    } else if (part.refused) {
      reply.error(protocol::errors::no_room_in_transaction());
    } else {
      part.task->encode(reply);
    }
  }
}

// ---- Collector ----

void Collector::defer() { assert(false && "a transaction's commands find the connection quiet"); }

// Those that may take long are not allowed in a transaction.
void Collector::run_aside(std::function<Encode()>, Aside) {
  assert(false && "no command of a transaction runs aside");
}

}  // namespace minikv::server
