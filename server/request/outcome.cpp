// An outcome in the words of a dialect.
#include "server/request/outcome.h"

#include "server/request/errors.h"

namespace minikv::server {

namespace {

template <typename... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Match(Cases...) -> Match<Cases...>;

}  // namespace

Outcome Outcome::error(const Status& status) { return error(error_from(status)); }

void Outcome::encode(protocol::ReplyEncoder& reply) && {
  std::visit(Match{[&](const Ok&) { reply.ok(); }, [&](const Nothing&) { reply.not_found(); },
                   [&](const Version& version) { reply.new_version(version.number); },
                   [&](std::int64_t n) { reply.integer(n); },
                   [&](Value& value) { reply.value(std::move(value.data), value.version); },
                   [&](const protocol::ErrorReply& error) { reply.error(error); }},
             state_);
}

}  // namespace minikv::server
