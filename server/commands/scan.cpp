// LIST, SCAN, RANGE: commands that walk over keys in byte order.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/handlers.h"
#include "server/commands/keys.h"
#include "server/request/errors.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ReplyEncoder;

namespace {

constexpr std::size_t kMaxLimit = 100'000;
constexpr std::size_t kMaxLimitAtOnce = 1000;  // of keys that are found on an event loop

// The arguments of a walk that are no options, and its options.
struct WalkRequest {
  std::vector<protocol::Arg> plain;
  ScanOptions options;
};

// The options of a command besides `limit`. The words of other options are refused, as they may be meant as
// options.
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

// In RESP the plain arguments come first, and are never taken for options.
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

// RESP: where the next page begins, or nil; the items follow.
void encode_resume_key(ReplyEncoder& reply, const ScanPage& page) {
  reply.array(2);
  if (page.more) {
    reply.bulk(page.items.back().key);
  } else {
    reply.nil();
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

// ---- keys with values ----

void encode_pairs_head(ReplyEncoder& reply, const ScanPage& page) {
  if (reply.is_text()) return reply.pairs_head(page.items.size(), page.more);
  encode_resume_key(reply, page);
  reply.array(page.items.size() * 3);
}

// Appends a key and its value, which is read straight to its place in the reply. False, and nothing appended,
// as append_value().
bool append_pair(ReplyEncoder& reply, const Store& store, const ScanItem& item, const Reading& reading) {
  const std::size_t bytes = item.handle.value_bytes();
  if (!reading.may_wait && bytes > Store::kMaxValueAtOnceBytes) return false;
  const protocol::ReplyBuffer::Mark before = reply.mark();
  if (!reply.is_text()) reply.bulk(item.key);
  const protocol::ReplyBuffer::Mark behind_key = reply.mark();
  const std::span<char> room = reply.is_text() ? reply.pair_to_fill(item.key, bytes, item.handle.version())
                                               : reply.bulk_to_fill(bytes);
  const std::optional<Status> read = reading.may_wait
                                         ? store.read_into(item.key, item.handle, room, reading.is_unwanted)
                                         : store.try_read_into(item.key, item.handle, room);
  if (!read) {
    reply.rewind(before);
    return false;
  }
  if (reply.is_text()) {
    if (*read) return true;
    reply.rewind(before);
    reply.pair_error(item.key, error_from(*read).code);
    return true;
  }
  if (!*read) {
    reply.rewind(behind_key);
    reply.error(error_from(*read));
  }
  reply.integer(*read ? static_cast<std::int64_t>(item.handle.version()) : 0);
  return true;
}

// A page of keys with their values, which are read one after the other.
class PageTask final : public Task {
 public:
  PageTask(ScanPage page, const Store& store)
      : Task(ArgumentArena(0)), page_(std::move(page)), store_(store) {}
  // The writer is to find the page.
  PageTask(ScanOptions options, const Store& store)
      : Task(ArgumentArena(0)), options_(std::move(options)), store_(store) {}

  Answered encode_some(ReplyEncoder& reply, const Reading& reading) override {
    if (!std::exchange(has_head_, true)) encode_pairs_head(reply, page_);
    const std::size_t before = reply.bytes();
    for (const std::size_t begin = next_; next_ < page_.items.size(); ++next_) {
      const ScanItem& item = page_.items[next_];
      const std::size_t bytes = reply.bytes() - before;
      if (bytes > 0 && bytes + bytes_of(item) > kMaxBytesAtOnce) return Answered::kInPart;
      if (next_ - begin == kMaxValuesAtOnce) return Answered::kInPart;
      if (!append_pair(reply, store_, item, reading)) return Answered::kWantsDisk;
      page_.items[next_] = {};  // releases its segment
    }
    return Answered::kWhole;
  }

  bool reads_values() const override { return true; }
  std::uint64_t bytes_for_reader() const override {
    std::uint64_t bytes = 0;
    for (std::size_t i = next_; i < page_.items.size() && bytes < kMaxBytesAtOnce; ++i)
      bytes += kReplyOverheadBytes + bytes_of(page_.items[i]);
    return bytes;
  }
  Answered refuse_next(ReplyEncoder& reply, const protocol::ErrorReply& error) override {
    if (next_ < page_.items.size()) {
      if (reply.is_text()) {
        reply.pair_error(page_.items[next_].key, error.code);
      } else {
        reply.bulk(page_.items[next_].key);
        reply.error(error);
        reply.integer(0);
      }
      page_.items[next_++] = {};
    }
    return next_ == page_.items.size() ? Answered::kWhole : Answered::kInPart;
  }

 private:
  void perform(Transaction& transaction) override { page_ = transaction.scan(options_); }
  static std::uint64_t bytes_of(const ScanItem& item) { return item.key.size() + item.handle.value_bytes(); }

  ScanOptions options_;
  ScanPage page_;
  std::size_t next_ = 0;  // the first item that is not in the reply yet
  bool has_head_ = false;
  const Store& store_;
};

// A worker finds a page that takes long to find, or for which the sorted index has to be built first (for a
// moment after a start): the event loop does not wait for that.
bool is_for_worker(const Context& context, const ScanOptions& options) {
  return options.limit > kMaxLimitAtOnce || !context.store().is_in_order();
}

// Makes a page as a whole, on a worker's thread.
void encode_whole_page(ReplyEncoder& reply, Aside& aside, const Store& store, const ScanOptions& options) {
  ScanPage page = store.scan(options);
  std::uint64_t bytes = 0;
  for (const ScanItem& item : page.items)
    bytes += item.key.size() + item.handle.value_bytes() + sizeof(ScanItem);
  if (!aside.may_hold(2 * bytes)) return reply.error(aside.error());
  encode_pairs_head(reply, page);
  for (const ScanItem& item : page.items) append_pair(reply, store, item, Reading::waiting({}));
}

// The event loop finds the keys, in memory. A reader reads their values if any of them is not in memory.
void answer_page(Context& context, ScanOptions options) {
  options.with_values = false;
  options.with_handles = true;
  Store& store = context.store();
  if (context.by_writer)
    return context.connection.submit(std::make_unique<PageTask>(std::move(options), store));
  if (is_for_worker(context, options)) {
    return context.connection.run_on_worker(
        [options = std::move(options), &store](ReplyEncoder& reply, Aside& aside) {
          encode_whole_page(reply, aside, store, options);
        });
  }
  context.connection.load(std::make_unique<PageTask>(store.scan(options), store));
}

bool is_end(const protocol::Arg& arg, std::string_view sign, bool is_text) {
  return is_text ? !arg.quoted && arg.bytes == sign : arg.bytes.empty();
}

}  // namespace

template <>
void handle<kList>(Context& context) {
  WalkRequest walk;
  if (auto error = read_walk(context, {0, 1, true, false}, walk)) return context.fail(*error);
  if (!walk.plain.empty()) walk.options.prefix = walk.plain[0].bytes;
  walk.options.with_values = false;
  if (context.by_writer) {
    return context.submit(
        ArgumentArena(0),
        [options = std::move(walk.options)](Transaction& transaction) { return transaction.scan(options); },
        encode_list);
  }
  const Store& store = context.store();
  if (!is_for_worker(context, walk.options)) return encode_list(context.reply, store.scan(walk.options));
  context.connection.run_on_worker(
      [options = std::move(walk.options), &store](ReplyEncoder& reply, Aside& aside) {
        if (!aside.may_hold(2 * options.max_bytes)) return reply.error(aside.error());
        encode_list(reply, store.scan(options));
      });
}

template <>
void handle<kScan>(Context& context) {
  if (!context.is_text()) return scan_by_cursor(context);
  WalkRequest walk;
  if (auto error = read_walk(context, {1, 1, true, false}, walk)) return context.fail(*error);
  walk.options.prefix = walk.plain[0].bytes;
  answer_page(context, std::move(walk.options));
}

template <>
void handle<kRange>(Context& context) {
  WalkRequest walk;
  if (auto error = read_walk(context, {2, 2, false, true}, walk)) return context.fail(*error);
  if (!is_end(walk.plain[0], "-", context.is_text())) walk.options.from = walk.plain[0].bytes;
  if (!is_end(walk.plain[1], "+", context.is_text())) walk.options.to = walk.plain[1].bytes;
  answer_page(context, std::move(walk.options));
}

template <>
void handle<kDbSize>(Context& context) {
  if (context.by_writer) {
    return context.submit(ArgumentArena(0), [](Transaction& transaction) {
      return Outcome::integer(static_cast<std::int64_t>(transaction.size()));
    });
  }
  context.reply.integer(static_cast<std::int64_t>(context.store().size()));
}

}  // namespace minikv::server
