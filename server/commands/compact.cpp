// COMPACT.
#include <fmt/format.h>

#include "server/commands/handlers.h"

namespace minikv::server {

// COMPACT runs behind the writes before it, so that it gives back the garbage of those, too.
template <>
void handle<kCompact>(Context& context) {
  context.connection.run_on_worker(
      [&store = context.store()](protocol::ReplyEncoder& reply, Aside&) {
        const Result<CompactionResult> result = store.compact();
        if (!result) return reply.error(error_from(result.status()));
        const CompactionResult& done = result.value();
        reply.ok(fmt::format("reclaimed {} bytes in {} ms", done.reclaimed_bytes, done.duration_ms));
      },
      Connection::HowLong::kLong);
}

}  // namespace minikv::server
