// LIST, SCAN, RANGE: commands that walk over keys in byte order.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/handlers.h"
#include "server/commands/keys.h"
#include "server/commands/read.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ReplyEncoder;

namespace {

constexpr std::size_t kMaxLimit = 100'000;

// What a walk was asked for: the arguments that are no options, and the options.
struct WalkRequest {
  std::vector<protocol::Arg> plain;
  ScanOptions options;
};

// Which options a command has besides `limit`; the words of the others are refused, as they may not be meant.
struct WalkSyntax {
  std::size_t plain_min;
  std::size_t plain_max;
  bool has_after;
  bool has_reverse;
};

std::optional<protocol::ErrorReply> read_limit(const Context& context, ArgumentReader& reader,
                                               std::size_t& limit) {
  if (reader.done()) return errors::usage(context.command, "limit takes a number");
  const auto number = protocol::parse_unsigned(reader.take().bytes);
  if (!number) return errors::bad_number(context.command, "limit takes a number");
  if (*number == 0 || *number > kMaxLimit) return errors::out_of_range("limit is from 1 to 100000");
  limit = static_cast<std::size_t>(*number);
  return std::nullopt;
}

// In RESP the plain arguments come first, and whatever they say they are no options.
std::optional<protocol::ErrorReply> read_walk(const Context& context, const WalkSyntax& syntax,
                                              WalkRequest& walk) {
  walk.options.max_bytes = context.server.options.max_reply_bytes;
  for (ArgumentReader reader(context.args); !reader.done();) {
    if (!context.is_text() && walk.plain.size() < syntax.plain_max) {
      walk.plain.push_back(reader.take());
    } else if (reader.take_word("limit")) {
      if (auto error = read_limit(context, reader, walk.options.limit)) return error;
    } else if (reader.take_word("after")) {
      if (!syntax.has_after || reader.done()) return errors::usage(context.command);
      walk.options.after = reader.take().bytes;
    } else if (reader.take_word("reverse")) {
      if (!syntax.has_reverse) return errors::usage(context.command);
      walk.options.reverse = true;
    } else {
      walk.plain.push_back(reader.take());
    }
  }
  if (walk.plain.size() < syntax.plain_min || walk.plain.size() > syntax.plain_max)
    return errors::usage(context.command);
  return std::nullopt;
}

void encode_pairs(ReplyEncoder& reply, const ScanPage& page) {
  reply.pairs_head(page.items.size(), page.more);
  for (const ScanItem& item : page.items) {
    if (item.status) {
      reply.pair(item.key, item.value.data, item.value.version);
    } else {
      reply.pair_error(item.key, error_from(item.status).code);
    }
  }
}

// RESP: where the next page begins, or nil; the items follow.
void encode_resume_key(ReplyEncoder& reply, const ScanPage& page) {
  reply.array(2);
  if (page.more) {
    reply.bulk(page.items.back().key);
  } else {
    reply.nil();
  }
}

using EncodePage = void (*)(ReplyEncoder& reply, const ScanPage& page);

// A page's values, read one after the other.
class PageTask final : public Task {
 public:
  PageTask(ScanPage page, const Store& store, EncodePage encode_page)
      : Task(Memory(0), bytes_of(page)), page_(std::move(page)), store_(store), encode_page_(encode_page) {}
  // The writer is to find the page.
  PageTask(ScanOptions options, const Store& store, EncodePage encode_page)
      : Task(Memory(0)), options_(std::move(options)), store_(store), encode_page_(encode_page) {}

  bool try_load() override {
    std::uint64_t bytes = 0;
    for (; loaded_ < page_.items.size(); ++loaded_) {
      ScanItem& item = page_.items[loaded_];
      bytes += item.place.value_bytes();
      if (bytes > kMaxBytesAtOnce) return false;
      std::optional<Result<Value>> value = store_.try_read(item.key, item.place);
      if (!value) return false;
      take(item, *std::move(value));
    }
    return true;
  }

  void load() override {
    for (; loaded_ < page_.items.size(); ++loaded_) {
      ScanItem& item = page_.items[loaded_];
      take(item, store_.read(item.key, item.place));
    }
  }

  std::uint64_t loading_bytes() const override { return bytes_of(page_); }
  void encode(ReplyEncoder& reply) override { encode_page_(reply, page_); }

 private:
  void perform(Transaction& transaction) override { page_ = transaction.scan(options_); }
  static std::uint64_t bytes_of(const ScanPage& page) {
    std::uint64_t bytes = 0;
    for (const ScanItem& item : page.items) bytes += item.key.size() + item.place.value_bytes();
    return bytes;
  }
  static void take(ScanItem& item, Result<Value> value) {
    item.place = {};  // lets go of its segment
    item.status = value.status();
    if (value) item.value = *std::move(value);
  }

  ScanOptions options_;
  ScanPage page_;
  std::size_t loaded_ = 0;  // items that have their value
  const Store& store_;
  EncodePage encode_page_;
};

// For a moment after a start the keys are not in order yet: the event loop does not wait for that. Whether it is so.
bool answered_later(Context& context, const ScanOptions& options, EncodePage encode) {
  if (context.store().is_in_order()) return false;
  context.connection.run_aside([options, encode, &store = context.store()]() -> Connection::Encode {
    return [encode, page = store.scan(options)](ReplyEncoder& reply) { encode(reply, page); };
  });
  return true;
}

// The keys are found here, in memory; their values by a reader, if any of them is not in memory.
void answer_page(Context& context, ScanOptions options, EncodePage encode) {
  if (!context.connection.in_transaction() && answered_later(context, options, encode)) return;
  options.with_values = false;
  options.with_places = true;
  if (context.connection.in_transaction()) {
    return context.connection.submit(std::make_unique<PageTask>(std::move(options), context.store(), encode));
  }
  auto task = std::make_unique<PageTask>(context.store().scan(options), context.store(), encode);
  if (task->try_load()) return task->encode(context.reply);
  context.connection.load(std::move(task));
}

void encode_range(ReplyEncoder& reply, const ScanPage& page) {
  if (reply.is_text()) return encode_pairs(reply, page);
  encode_resume_key(reply, page);
  reply.array(page.items.size() * 3);
  for (const ScanItem& item : page.items) {
    reply.bulk(item.key);
    if (item.status) {
      reply.bulk(item.value.data);
    } else {
      reply.error(error_from(item.status));
    }
    reply.integer(static_cast<std::int64_t>(item.value.version));
  }
}

void encode_list(ReplyEncoder& reply, const ScanPage& page) {
  if (reply.is_text()) {
    reply.list_head(page.items.size(), page.more);
    for (const ScanItem& item : page.items) reply.name(item.key);
    return;
  }
  encode_resume_key(reply, page);
  reply.array(page.items.size());
  for (const ScanItem& item : page.items) reply.bulk(item.key);
}

bool is_end(const protocol::Arg& arg, std::string_view sign, bool is_text) {
  return is_text ? !arg.quoted && arg.bytes == sign : arg.bytes.empty();
}

}  // namespace

template <>
void handle<kList>(Context& context) {
  if (!context.connection.is_quiet()) return context.connection.defer();
  WalkRequest walk;
  if (auto error = read_walk(context, {0, 1, true, false}, walk)) return context.fail(*error);
  if (!walk.plain.empty()) walk.options.prefix = walk.plain[0].bytes;
  walk.options.with_values = false;
  if (context.connection.in_transaction()) {
    return context.submit(
        Memory(0),
        [options = std::move(walk.options)](Transaction& transaction) { return transaction.scan(options); },
        encode_list);
  }
  if (answered_later(context, walk.options, encode_list)) return;
  encode_list(context.reply, context.store().scan(walk.options));
}

template <>
void handle<kScan>(Context& context) {
  if (!context.is_text()) return scan_by_cursor(context);
  if (!context.connection.is_quiet()) return context.connection.defer();
  WalkRequest walk;
  if (auto error = read_walk(context, {1, 1, true, false}, walk)) return context.fail(*error);
  walk.options.prefix = walk.plain[0].bytes;
  answer_page(context, std::move(walk.options), encode_pairs);
}

template <>
void handle<kRange>(Context& context) {
  if (!context.connection.is_quiet()) return context.connection.defer();
  WalkRequest walk;
  if (auto error = read_walk(context, {2, 2, false, true}, walk)) return context.fail(*error);
  if (!is_end(walk.plain[0], "-", context.is_text())) walk.options.from = walk.plain[0].bytes;
  if (!is_end(walk.plain[1], "+", context.is_text())) walk.options.to = walk.plain[1].bytes;
  answer_page(context, std::move(walk.options), encode_range);
}

template <>
void handle<kDbSize>(Context& context) {
  if (!context.connection.is_quiet()) return context.connection.defer();
  if (context.connection.in_transaction()) {
    return context.submit(Memory(0), [](Transaction& transaction) {
      return Outcome::integer(static_cast<std::int64_t>(transaction.size()));
    });
  }
  context.reply.integer(static_cast<std::int64_t>(context.store().size()));
}

}  // namespace minikv::server
