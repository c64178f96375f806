// RESP's SCAN: some keys, and a number to go on from.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/commands/arguments.h"
#include "server/commands/keys.h"
#include "server/commands/matching.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ReplyEncoder;

namespace {

// COUNT is a hint, and other connections want their turn. A reply ends early when so many keys, or so many
// bytes of them, have been looked at, or when matching them may take so many steps.
constexpr std::size_t kMaxScanCount = 100'000;
constexpr std::uint64_t kMaxScanBytes = std::uint64_t{1} << 19;
constexpr std::uint64_t kMaxScanSteps = std::uint64_t{1} << 26;
constexpr std::size_t kKeysAtOnce =
    16;  // or one by one, if a few of the longest keys may be too many for the pattern
constexpr std::uint64_t kKeyOverheadBytes = 64;  // what a key costs beside its bytes

struct ScanRequest {
  std::uint64_t cursor = 0;
  std::size_t count = 10;
  std::optional<std::string_view> pattern;
  bool strings = true;  // whether keys of the wanted type can be there at all
};

// Reads a cursor as strtoul() does, which Redis uses: a sign is taken, leading spaces are not, and nothing is
// 0.
std::optional<std::uint64_t> read_cursor(std::string_view text) {
  const std::string copy(text);
  if (std::isspace(static_cast<unsigned char>(copy.c_str()[0])) != 0) return std::nullopt;
  errno = 0;
  char* end = nullptr;
  const unsigned long long cursor = std::strtoull(copy.c_str(), &end, 10);
  if (*end != '\0' || errno == ERANGE) return std::nullopt;
  return cursor;
}

std::optional<protocol::ErrorReply> read_scan(const Context& context, ScanRequest& scan) {
  const auto cursor = read_cursor(context.arg(0));
  if (!cursor) return errors::invalid_cursor();
  scan.cursor = *cursor;
  for (ArgumentReader reader(context.args.subspan(1)); !reader.done();) {
    if (reader.take_word("count")) {
      if (reader.done()) return errors::usage(context.command);
      const auto count = protocol::parse_redis_integer(reader.take().bytes);
      if (!count) return errors::not_an_integer();
      if (*count < 1) return errors::usage(context.command);
      scan.count = static_cast<std::size_t>(std::min<std::int64_t>(*count, kMaxScanCount));
    } else if (reader.take_word("match")) {
      if (reader.done()) return errors::usage(context.command);
      scan.pattern = reader.take().bytes;
    } else if (reader.take_word("type")) {
      if (reader.done()) return errors::usage(context.command);
      scan.strings = protocol::equals_ignoring_case(reader.take().bytes, "string");
    } else {
      return errors::usage(context.command);
    }
  }
  return std::nullopt;
}

// How far a walk goes.
struct WalkLimits {
  std::uint64_t cursor;
  std::size_t count;
  std::uint64_t bytes;
  std::size_t keys_at_once;
  bool keeps_keys;  // or only goes past them, as their type is not the wanted one
};

WalkLimits limits_of(const ScanRequest& scan) {
  const std::uint64_t steps_per_byte = scan.pattern ? Glob::max_steps(scan.pattern->size(), 1) : 1;
  const std::uint64_t bytes = std::min(kMaxScanBytes, kMaxScanSteps / steps_per_byte);
  return {scan.cursor, scan.count, bytes, bytes < kMaxScanBytes ? 1 : kKeysAtOnce, scan.strings};
}

// Collects keys from `walk`, which works as Store::walk_unordered(); returns where to go on.
template <typename Walk>
std::uint64_t collect(const WalkLimits& limits, std::vector<std::string>& keys, Walk walk) {
  std::uint64_t position = limits.cursor, bytes = 0;
  std::size_t seen = 0;
  do {
    const std::size_t wanted = std::min(limits.count - seen, limits.keys_at_once);
    UnorderedPage page = walk(position, wanted);
    for (std::string& key : page.keys) {
      bytes += key.size() + kKeyOverheadBytes;
      if (limits.keeps_keys) keys.push_back(std::move(key));
    }
    position = page.next;
    seen += wanted;
  } while (position != 0 && seen < limits.count && bytes < limits.bytes);
  return position;
}

void encode_scan(ReplyEncoder& reply, std::uint64_t next, const std::vector<std::string>& keys) {
  reply.array(2);
  reply.bulk(std::to_string(next));
  reply.array(keys.size());
  for (const std::string& key : keys) reply.bulk(key);
}

class ScanTask final : public MatchingTask {
 public:
  ScanTask(Matching matching, const WalkLimits& limits)
      : MatchingTask(std::move(matching)), limits_(limits) {}

 private:
  void perform(Transaction& transaction) override {
    next_ = collect(limits_, matching().keys, [&](std::uint64_t position, std::size_t count) {
      return transaction.walk_unordered(position, count);
    });
  }
  void encode(ReplyEncoder& reply) override { encode_scan(reply, next_, matching().keys); }

  WalkLimits limits_;
  std::uint64_t next_ = 0;
};

}  // namespace

void scan_by_cursor(Context& context) {
  ScanRequest scan;
  if (auto error = read_scan(context, scan)) return context.fail(*error);
  const WalkLimits limits = limits_of(scan);
  Matching matching(scan.pattern);
  if (context.by_writer) {
    return context.connection.submit(std::make_unique<ScanTask>(std::move(matching), limits));
  }
  const std::uint64_t next =
      collect(limits, matching.keys, [&store = context.store()](std::uint64_t position, std::size_t count) {
        return store.walk_unordered(position, count);
      });
  if (matching.is_quick()) {
    matching.run();
    return encode_scan(context.reply, next, matching.keys);
  }
  context.connection.run_on_worker(
      [matching = std::move(matching), next](ReplyEncoder& reply, Aside& aside) mutable {
        if (!aside.may_hold(matching.reply_bytes())) return reply.error(aside.error());
        matching.run();
        encode_scan(reply, next, matching.keys);
      });
}

}  // namespace minikv::server
