// RENAME, RENAMENX, COPY, RANDOMKEY, KEYS and RESP's SCAN: commands about keys, whatever their values are.
#include "server/commands/keys.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/glob.h"
#include "server/commands/handlers.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ReplyEncoder;

namespace {

constexpr std::size_t kMaxScanCount = 100'000;  // COUNT is a hint, and others want their turn
constexpr std::size_t kPageKeys = 10'000;
constexpr std::size_t kKeysToFindOne = 64;  // the first may have expired, or be covered by a range delete

// ---- RENAME, COPY ----

struct KeyCopy {
  std::string_view from;
  std::string_view to;
  bool replace = true;
  bool remove_old = false;
};

// The value of `from` under `to`, with its expiry; nothing: there is no such key. False: `to` is there, and stays. `kept` is
// where the value lives until the task is done.
Result<bool> copy_key(Transaction& transaction, const KeyCopy& copy, std::string& kept) {
  const auto entry = transaction.find(copy.from);
  if (!entry) return Status(StatusCode::kNotFound, "no such key");
  if (!copy.replace && transaction.find(copy.to)) return false;
  Result<Value> value = transaction.get(copy.from);
  if (!value) return value.status();
  kept = std::move(value->data);
  transaction.put(copy.to, kept, entry->expiry_ms);
  if (copy.remove_old) transaction.remove(copy.from);
  return true;
}

// `answer` makes the outcome of what copy_key() came to.
template <typename Answer>
void submit_copy(const Context& context, KeyCopy copy, Answer answer) {
  Memory memory = context.memory();
  copy.from = memory.keep(context.arg(0));
  copy.to = memory.keep(context.arg(1));
  context.submit_reading(copy.from, SIZE_MAX, std::move(memory),
                         [copy, answer, kept = std::string()](Transaction& transaction) mutable {
                           const Result<bool> copied = copy_key(transaction, copy, kept);
                           if (copied || copied.code() == StatusCode::kNotFound) return answer(copied);
                           return Outcome::error(copied.status());
                         });
}

// A key that gets its own name: nothing happens, if it is there.
void answer_same_name(const Context& context, bool plain_ok) {
  Memory memory = context.memory();
  const std::string_view key = memory.keep(context.arg(0));
  context.submit(std::move(memory), [key, plain_ok](Transaction& transaction) {
    if (!transaction.find(key)) return Outcome::error(errors::no_such_key());
    return plain_ok ? Outcome::ok() : Outcome::integer(0);
  });
}

// ---- KEYS, RANDOMKEY ----

ScanOptions all_that_may_match(std::string_view pattern) {
  ScanOptions options;
  options.prefix = glob_literal_prefix(pattern);
  options.with_values = false;
  options.max_bytes = UINT64_MAX;
  return options;
}

void take_matching(const ScanPage& page, std::string_view pattern, std::vector<std::string>& found) {
  for (const ScanItem& item : page.items) {
    if (glob_matches(pattern, item.key, GlobCase::kMatters)) found.push_back(item.key);
  }
}

void encode_keys(ReplyEncoder& reply, const std::vector<std::string>& keys) {
  reply.array(keys.size());
  for (const std::string& key : keys) reply.bulk(key);
}

std::uint64_t random_position() {
  thread_local std::mt19937_64 random(std::random_device{}());
  return random() >> 11;  // 53 bits
}

// From `walk`, which is as Store::walk_unordered().
template <typename Walk>
std::optional<std::string> some_key(Walk walk) {
  for (std::uint64_t position = random_position();; position = 0) {
    const bool is_from_start = position == 0;
    do {
      const UnorderedPage page = walk(position, kKeysToFindOne);
      if (!page.keys.empty()) return page.keys.front();
      position = page.next;
    } while (position != 0);
    if (is_from_start) return std::nullopt;
  }
}

void encode_some_key(ReplyEncoder& reply, const std::optional<std::string>& key) {
  key ? reply.bulk(*key) : reply.nil();
}

// ---- SCAN ----

struct ScanRequest {
  std::uint64_t cursor = 0;
  std::size_t count = 10;
  std::optional<std::string> pattern;
  bool strings = true;  // whether keys of the wanted type can be there at all
};

// As strtoul reads it, which Redis does: a sign is taken, spaces are not, and nothing is 0.
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

void encode_scan(ReplyEncoder& reply, const ScanRequest& scan, const UnorderedPage& page) {
  std::vector<std::string_view> keys;
  for (const std::string& key : page.keys) {
    if (scan.strings && (!scan.pattern || glob_matches(*scan.pattern, key, GlobCase::kMatters))) {
      keys.push_back(key);
    }
  }
  reply.array(2);
  reply.bulk(std::to_string(page.next));
  reply.array(keys.size());
  for (const std::string_view key : keys) reply.bulk(key);
}

}  // namespace

void scan_by_cursor(Context& context) {
  if (!context.connection.is_quiet()) return context.connection.defer();
  ScanRequest scan;
  if (auto error = read_scan(context, scan)) return context.fail(*error);
  if (!context.connection.in_transaction()) {
    return encode_scan(context.reply, scan, context.store().walk_unordered(scan.cursor, scan.count));
  }
  context.submit(
      Memory(0),
      [cursor = scan.cursor, count = scan.count](Transaction& transaction) {
        return transaction.walk_unordered(cursor, count);
      },
      [scan](ReplyEncoder& reply, const UnorderedPage& page) { encode_scan(reply, scan, page); });
}

template <>
void handle<kRename>(Context& context) {
  if (context.arg(0) == context.arg(1)) return answer_same_name(context, true);
  submit_copy(context, {.replace = true, .remove_old = true}, [](const Result<bool>& copied) {
    return copied ? Outcome::ok() : Outcome::error(errors::no_such_key());
  });
}

template <>
void handle<kRenameNx>(Context& context) {
  if (context.arg(0) == context.arg(1)) return answer_same_name(context, false);
  submit_copy(context, {.replace = false, .remove_old = true}, [](const Result<bool>& copied) {
    return copied ? Outcome::integer(*copied ? 1 : 0) : Outcome::error(errors::no_such_key());
  });
}

template <>
void handle<kCopy>(Context& context) {
  KeyCopy copy{.replace = false, .remove_old = false};
  for (ArgumentReader reader(context.args.subspan(2)); !reader.done();) {
    if (reader.take_word("replace")) {
      copy.replace = true;
    } else if (reader.take_word("db")) {
      if (reader.done()) return context.fail(errors::usage(context.command));
      const auto index = protocol::parse_redis_integer(reader.take().bytes);
      if (!index) return context.fail(errors::not_an_integer());
      if (*index != 0) return context.fail(errors::db_index_out_of_range());
    } else {
      return context.fail(errors::usage(context.command));
    }
  }
  if (context.arg(0) == context.arg(1)) return context.fail(errors::same_object());
  submit_copy(context, copy,
              [](const Result<bool>& copied) { return Outcome::integer(copied && *copied ? 1 : 0); });
}

template <>
void handle<kRandomKey>(Context& context) {
  if (!context.connection.is_quiet()) return context.connection.defer();
  if (context.connection.in_transaction()) {
    return context.submit(
        Memory(0),
        [](Transaction& transaction) {
          return some_key([&](std::uint64_t position, std::size_t count) {
            return transaction.walk_unordered(position, count);
          });
        },
        encode_some_key);
  }
  encode_some_key(context.reply, some_key([&](std::uint64_t position, std::size_t count) {
                    return context.store().walk_unordered(position, count);
                  }));
}

// Walks over as many keys as there are: not on the event loop, where others would wait for it.
template <>
void handle<kKeys>(Context& context) {
  if (!context.connection.is_quiet()) return context.connection.defer();
  const std::string pattern(context.arg(0));
  if (context.connection.in_transaction()) {
    return context.submit(
        Memory(0),
        [pattern](Transaction& transaction) {
          ScanOptions options = all_that_may_match(pattern);
          options.limit = SIZE_MAX;
          std::vector<std::string> found;
          take_matching(transaction.scan(options), pattern, found);
          return found;
        },
        encode_keys);
  }
  context.connection.run_aside([pattern, &store = context.store()]() -> Connection::Encode {
    std::vector<std::string> found;
    ScanOptions options = all_that_may_match(pattern);
    options.limit = kPageKeys;
    for (bool more = true; more;) {
      const ScanPage page = store.scan(options);
      take_matching(page, pattern, found);
      more = page.more;
      if (more) options.after = page.items.back().key;
    }
    return [found = std::move(found)](ReplyEncoder& reply) { encode_keys(reply, found); };
  });
}

}  // namespace minikv::server
