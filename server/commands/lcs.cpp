// LCS.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/number.h"
#include "server/commands/arguments.h"
#include "server/commands/derive.h"
#include "server/commands/handlers.h"
#include "server/commands/subsequence.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ReplyEncoder;

namespace {

struct LcsOptions {
  bool length = false;
  bool indexes = false;
  bool with_match_length = false;
  std::int64_t min_match_length = 0;
};

std::optional<protocol::ErrorReply> read_options(const Context& context, LcsOptions& options) {
  for (ArgumentReader reader(context.args.subspan(2)); !reader.done();) {
    if (reader.take_word("idx")) {
      options.indexes = true;
    } else if (reader.take_word("len")) {
      options.length = true;
    } else if (reader.take_word("withmatchlen")) {
      options.with_match_length = true;
    } else if (reader.take_word("minmatchlen") && !reader.done()) {
      const auto bytes = protocol::parse_redis_integer(reader.take().bytes);
      if (!bytes) return errors::bad_number(context.command);
      options.min_match_length = *bytes;
    } else {
      return errors::usage(context.command);
    }
  }
  if (options.indexes && options.length) return errors::incompatible_lcs_options();
  return std::nullopt;
}

void encode_ends(ReplyEncoder& reply, std::uint32_t first, std::uint32_t bytes) {
  reply.array(2);
  reply.integer(first);
  reply.integer(std::int64_t{first} + bytes - 1);
}

void encode_indexes(ReplyEncoder& reply, const std::vector<CommonPart>& parts, std::int64_t length,
                    bool with_match_length) {
  reply.map(2);
  reply.bulk("matches");
  reply.array(parts.size());
  for (const CommonPart& part : parts) {
    reply.array(with_match_length ? 3 : 2);
    encode_ends(reply, part.in_a, part.bytes);
    encode_ends(reply, part.in_b, part.bytes);
    if (with_match_length) reply.integer(part.bytes);
  }
  reply.bulk("len");
  reply.integer(length);
}

void compare(ReplyEncoder& reply, std::string_view a, std::string_view b, const LcsOptions& options,
             std::size_t max_value_bytes) {
  if (!subsequence_fits(a.size(), b.size(), max_value_bytes))
    return reply.error(errors::lcs_needs_too_much_memory());
  if (options.length) return reply.integer(static_cast<std::int64_t>(subsequence_length(a, b)));
  std::vector<CommonPart> parts = common_parts(a, b);
  if (!options.indexes) return reply.bulk(join_parts(a, parts));
  std::int64_t length = 0;
  for (const CommonPart& part : parts) length += part.bytes;
  std::erase_if(parts, [&](const CommonPart& part) { return part.bytes < options.min_match_length; });
  encode_indexes(reply, parts, length, options.with_match_length);
}

}  // namespace

template <>
void handle<kLcs>(Context& context) {
  LcsOptions options;
  if (auto error = read_options(context, options)) return context.fail(*error);
  const std::size_t max_value_bytes = context.store().options().max_value_bytes;
  derive_from_values(context, 2, Work::kAside,
                     [options, max_value_bytes](ReplyEncoder& reply, std::span<Result<Value>> found) {
                       compare(reply, bytes_of(found[0]), bytes_of(found[1]), options, max_value_bytes);
                     });
}

}  // namespace minikv::server
