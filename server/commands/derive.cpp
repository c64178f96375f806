#include "server/commands/derive.h"

#include <memory>
#include <utility>
#include <vector>

#include "server/commands/read.h"
#include "server/commands/values_task.h"

namespace minikv::server {

namespace {

Answer derive_answer(const Derive& derive, std::span<Result<Value>> found) {
  for (const Result<Value>& one : found) {
    if (!one && one.code() != StatusCode::kNotFound) {
      return [error = error_from(one.status())](protocol::ReplyEncoder& reply) { reply.error(error); };
    }
  }
  return derive(found);
}

class DerivedTask final : public ValuesTask {
 public:
  DerivedTask(Memory memory, std::vector<std::string_view> keys, Places places, ServerState& server,
              Work work, Derive derive)
      : ValuesTask(std::move(memory), std::move(keys), std::move(places), server.store),
        server_(server),
        work_(work),
        derive_(std::move(derive)) {}

  bool try_load() override {
    if (work_ == Work::kAside || !ValuesTask::try_load()) return false;
    answer_ = derive_answer(derive_, found());
    return true;
  }

  void load() override {
    ValuesTask::load();
    answer_ = derive_answer(derive_, found());
  }

 private:
  void encode(protocol::ReplyEncoder& reply) override {
    count_lookups(found(), server_);
    answer_(reply);
  }

  ServerState& server_;
  Work work_;
  Derive derive_;
  Answer answer_;
};

}  // namespace

void derive_from_values(Context& context, std::size_t keys, Work work, Derive derive) {
  Memory memory = context.memory();
  std::vector<std::string_view> kept;
  for (const protocol::Arg& arg : context.args.first(keys)) kept.push_back(memory.keep(arg.bytes));
  const bool writes_before = context.connection.has_writes_in_flight();
  ValuesTask::Places places;
  if (!writes_before) {
    places = context.store().multi_locate(kept);
    std::vector<Result<Value>> found;
    if (work == Work::kAsReading && try_read_places(context.store(), kept, places, found)) {
      count_lookups(found, context.server);
      return derive_answer(derive, found)(context.reply);
    }
  }
  auto task = std::make_unique<DerivedTask>(std::move(memory), std::move(kept), std::move(places),
                                            context.server, work, std::move(derive));
  if (writes_before) return context.connection.submit(std::move(task));
  context.connection.load(std::move(task));
}

}  // namespace minikv::server
