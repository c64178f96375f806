// What a command handler is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "minikv/store.h"
#include "protocol/reply_encoder.h"
#include "protocol/request.h"
#include "server/request/connection.h"
#include "server/request/errors.h"
#include "server/request/outcome.h"
#include "server/request/state.h"
#include "server/request/task.h"

namespace minikv::server {

// The usual way to encode the result of a command: the writer has made it an Outcome.
struct EncodeOutcome {
  void operator()(protocol::ReplyEncoder& encoder, Outcome&& outcome) const {
    std::move(outcome).encode(encoder);
  }
};

// One request, on the event loop that received it. The views hold until the handler returns.
struct Context {
  const protocol::CommandSpec& command;
  std::string_view subcommand;          // as the client wrote it; empty where there is none
  std::span<const protocol::Arg> args;  // without verb and subcommand
  protocol::ReplyEncoder& reply;  // in its place in the order of replies; unless the command is submitted
  Connection& connection;
  ServerState& server;
  // For a command with kFlagBehindWrites: the command belongs to a transaction, or writes of its connection
  // are not carried out yet. The handler then has the writer look, by a task.
  bool by_writer = false;

  bool is_text() const { return reply.is_text(); }
  std::string_view arg(std::size_t i) const { return args[i].bytes; }
  Store& store() const { return server.store; }
  void fail(const protocol::ErrorReply& error) const { reply.error(error); }

  // An argument arena for all arguments. To be called once.
  ArgumentArena memory() const { return connection.memory_for(args); }
  // All arguments, kept in `memory`.
  std::vector<std::string_view> keep_all(ArgumentArena& memory) const {
    std::vector<std::string_view> kept;
    kept.reserve(args.size());
    for (const protocol::Arg& one : args) kept.push_back(memory.keep(one.bytes));
    return kept;
  }

  // Runs `execute(Transaction&)` on the writer, and `encode(ReplyEncoder&, its result)` back on the event
  // loop.
  template <typename Execute, typename Encode>
  void submit(ArgumentArena memory, Execute execute, Encode encode) const {
    connection.submit(std::make_unique<FunctionTask<Execute, Encode>>(std::move(memory), std::move(execute),
                                                                      std::move(encode)));
  }
  // The same for a command that takes the longer, the more keys there are; `execute` returns an Outcome.
  template <typename Execute>
  void submit_long(ArgumentArena memory, Execute execute) const {
    auto task = std::make_unique<FunctionTask<Execute, EncodeOutcome>>(std::move(memory), std::move(execute),
                                                                       EncodeOutcome());
    task->set_takes_long();
    connection.submit(std::move(task));
  }
  // The same for the usual case: `execute` returns an Outcome.
  template <typename Execute>
  void submit(ArgumentArena memory, Execute execute) const {
    submit(std::move(memory), std::move(execute), EncodeOutcome());
  }
  // Runs `execute` on the writer, with the old value of `key` at hand unless it is longer than `max_bytes`.
  // `key` is kept in `memory`; `execute` returns an Outcome. The value that it puts may be longer than the
  // arguments and the old value together by `growth_bytes`.
  template <typename Execute>
  void submit_reading(std::string_view key, std::size_t max_bytes, ArgumentArena memory, Execute execute,
                      std::uint64_t growth_bytes = 0) const {
    submit_reading(OldValue{key, max_bytes}, std::move(memory), std::move(execute), growth_bytes);
  }
  // The same for an old value that has to come with room for a longer one.
  template <typename Execute>
  void submit_reading(OldValue old, ArgumentArena memory, Execute execute,
                      std::uint64_t growth_bytes = 0) const {
    auto task = std::make_unique<ReadModifyTask<Execute, EncodeOutcome>>(std::move(memory), std::move(old),
                                                                         std::move(execute), EncodeOutcome());
    task->count_growth(growth_bytes);
    connection.submit(std::move(task));
  }
};

}  // namespace minikv::server
