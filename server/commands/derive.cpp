// Reads the values on the event loop where that is quick, else by a task, and has the answer made of them.
#include "server/commands/derive.h"

#include <memory>
#include <utility>
#include <vector>

#include "server/commands/read.h"
#include "server/commands/values_task.h"

namespace minikv::server {

namespace {

Status no_such_key() { return {StatusCode::kNotFound, "no such key"}; }

void derive_reply(protocol::ReplyEncoder& reply, const Derive& derive, std::span<Result<Value>> found,
                  ServerState& server) {
  for (const Result<Value>& one : found) count_lookup(server, one.code() != StatusCode::kNotFound);
  for (const Result<Value>& one : found) {
    if (!one && one.code() != StatusCode::kNotFound) return reply.error(error_from(one.status()));
  }
  derive(reply, found);
}

std::uint64_t value_bytes(std::span<const std::optional<ValueHandle>> handles) {
  std::uint64_t bytes = 0;
  for (const auto& handle : handles) bytes += handle ? handle->value_bytes() : 0;
  return bytes;
}

// Nothing if one of the values is not in memory, or if all together are more than other connections should
// wait for.
std::optional<std::vector<Result<Value>>> try_read(const Store& store, std::span<const std::string_view> keys,
                                                   std::span<const std::optional<ValueHandle>> handles) {
  if (value_bytes(handles) > kMaxBytesAtOnce) return std::nullopt;
  std::vector<Result<Value>> found;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::optional<Result<Value>> value =
        handles[i] ? store.try_read(keys[i], *handles[i]) : Result<Value>(no_such_key());
    if (!value) return std::nullopt;
    found.push_back(*std::move(value));
  }
  return found;
}

class DerivedTask final : public KeysTask {
 public:
  DerivedTask(ArgumentArena memory, std::vector<std::string_view> keys, Handles handles, ServerState& server,
              Work work, Derive derive)
      : KeysTask(std::move(memory), std::move(keys), std::move(handles), server),
        work_(work),
        derive_(std::move(derive)) {}

  Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) override {
    std::optional<std::vector<Result<Value>>> found;
    if (reading.may_wait) {
      found = read();
    } else if (work_ != Work::kAside) {
      found = try_read(server().store, keys(), handles());
    }
    if (!found) return Answered::kWantsDisk;
    derive_reply(reply, derive_, *found, server());
    return Answered::kWhole;
  }

  bool reads_values() const override { return true; }
  std::uint64_t bytes_for_reader() const override { return 3 * value_bytes(handles()) + kReplyOverheadBytes; }

 private:
  std::vector<Result<Value>> read() {
    std::vector<Result<Value>> found;
    for (std::size_t i = 0; i < keys().size(); ++i) {
      const std::optional<ValueHandle>& handle = handles()[i];
      found.push_back(handle ? server().store.read(keys()[i], *handle) : Result<Value>(no_such_key()));
    }
    return found;
  }

  Work work_;
  Derive derive_;
};

}  // namespace

void derive_from_values(Context& context, std::size_t keys, Work work, Derive derive) {
  ArgumentArena memory = context.memory();
  std::vector<std::string_view> kept;
  for (const protocol::Arg& arg : context.args.first(keys)) kept.push_back(memory.keep(arg.bytes));
  Handles handles;
  if (!context.by_writer) handles = context.store().multi_locate(kept);
  auto task = std::make_unique<DerivedTask>(std::move(memory), std::move(kept), std::move(handles),
                                            context.server, work, std::move(derive));
  if (context.by_writer) return context.connection.submit(std::move(task));
  context.connection.load(std::move(task));
}

}  // namespace minikv::server
