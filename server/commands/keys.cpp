// RENAME, RENAMENX, COPY, RANDOMKEY and KEYS: commands about keys, whatever their values are.
#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/commands/arguments.h"
#include "server/commands/glob.h"
#include "server/commands/handlers.h"
#include "server/commands/matching.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ReplyEncoder;

namespace {

// The size of a page of a walk, and the steps of a slice, after which others have their turn. Each key costs
// steps beside those of its pattern.
constexpr std::size_t kPageKeys = 10'000;
constexpr std::uint64_t kPageBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kStepsInSlice = std::uint64_t{1} << 24;
constexpr std::uint64_t kStepsForKey = 100;
constexpr std::size_t kKeysToFindOne = 64;  // if the first has expired, or is covered by a range delete

// ---- RENAME, COPY ----

struct KeyCopy {
  std::string_view from;
  std::string_view to;
  bool replace = true;
  bool remove_old = false;
};

// Puts the value of `from` under `to`, with its expiry. kNotFound: there is no such key. False: `to` is
// there, and stays. `kept` holds the value until the task is done.
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

// `answer` makes the outcome of the result of copy_key().
template <typename Answer>
void submit_copy(const Context& context, KeyCopy copy, Answer answer) {
  ArgumentArena memory = context.memory();
  copy.from = memory.keep(context.arg(0));
  copy.to = memory.keep(context.arg(1));
  context.submit_reading(copy.from, SIZE_MAX, std::move(memory),
                         [copy, answer, kept = std::string()](Transaction& transaction) mutable {
                           const Result<bool> copied = copy_key(transaction, copy, kept);
                           if (copied || copied.code() == StatusCode::kNotFound) return answer(copied);
                           return Outcome::error(copied.status());
                         });
}

// Renames a key to its own name, which changes nothing; an error if the key is not there.
void answer_same_name(const Context& context, bool plain_ok) {
  ArgumentArena memory = context.memory();
  const std::string_view key = memory.keep(context.arg(0));
  context.submit(std::move(memory), [key, plain_ok](Transaction& transaction) {
    if (!transaction.find(key)) return Outcome::error(errors::no_such_key());
    return plain_ok ? Outcome::ok() : Outcome::integer(0);
  });
}

// ---- KEYS, RANDOMKEY ----

void encode_keys(ReplyEncoder& reply, const std::vector<std::string>& keys) {
  reply.array(keys.size());
  for (const std::string& key : keys) reply.bulk(key);
}

std::uint64_t random_position() {
  thread_local std::mt19937_64 random(std::random_device{}());
  return random() >> 11;  // 53 bits
}

// A key from `walk`, which works as Store::walk_unordered(); nothing if there is no key.
template <typename Walk>
std::optional<std::string> some_key(Walk walk) {
  for (std::uint64_t position = random_position();; position = 0) {
    const bool is_from_start = position == 0;
    std::size_t keys = 1;
    do {
      const UnorderedPage page = walk(position, keys);
      if (!page.keys.empty()) return page.keys.front();
      position = page.next;
      keys = kKeysToFindOne;
    } while (position != 0);
    if (is_from_start) return std::nullopt;
  }
}

void encode_some_key(ReplyEncoder& reply, const std::optional<std::string>& key) {
  key ? reply.bulk(*key) : reply.nil();
}

}  // namespace

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
  if (context.by_writer) {
    return context.submit(
        ArgumentArena(0),
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

namespace {

// KEYS in a transaction: the keys are matched when the writer has done its part.
class MatchingKeysTask final : public MatchingTask {
 public:
  // `prefix`: all keys that match begin with it.
  MatchingKeysTask(Matching matching, std::string prefix)
      : MatchingTask(std::move(matching)), prefix_(std::move(prefix)) {}

 private:
  void perform(Transaction& transaction) override {
    ScanOptions options;
    options.prefix = prefix_;
    options.with_values = false;
    options.limit = SIZE_MAX;
    options.max_bytes = UINT64_MAX;
    for (ScanItem& item : transaction.scan(options).items) matching().keys.push_back(std::move(item.key));
  }
  void encode(ReplyEncoder& reply) override { encode_keys(reply, matching().keys); }

  std::string prefix_;
};

// KEYS, slice by slice. A key that matches is encoded as it is found; their number is known in the end only.
// Thread safety: none; may be handed from one thread to another.
class KeysWalk {
 public:
  KeysWalk(const Store& store, std::string pattern) : store_(store), pattern_(std::move(pattern)) {}

  // Returns whether the walk has come to its end, and has made the reply.
  bool go_on(ReplyEncoder& reply, Aside& aside) {
    if (!aside.may_go_on()) return fail(reply, aside);
    if (!glob_) begin();
    ReplyEncoder matching(reply.format(), found_);
    for (std::uint64_t steps = 0; steps < kStepsInSlice; ++at_) {
      if (at_ == page_.items.size()) {
        if (page_.more) next_page();
        if (at_ == page_.items.size()) return finish(reply);
      }
      const std::string& key = page_.items[at_].key;
      steps += kStepsForKey + glob_->steps(key.size());
      if (!glob_->matches(key)) continue;
      if (!aside.may_hold(found_.memory() + key.size())) return fail(reply, aside);
      matching.bulk(key);
      ++count_;
    }
    return false;
  }

 private:
  bool finish(ReplyEncoder& reply) {
    reply.array(count_);
    reply.raw(std::move(found_));
    return true;
  }
  static bool fail(ReplyEncoder& reply, const Aside& aside) {
    reply.error(aside.error());
    return true;
  }
  void begin() {
    glob_.emplace(pattern_);
    options_.prefix = glob_->literal_prefix();
    options_.with_values = false;
    options_.limit = kPageKeys;
    options_.max_bytes = kPageBytes;
    next_page();
  }
  void next_page() {
    if (!page_.items.empty()) options_.after = page_.items.back().key;
    page_ = store_.scan(options_);
    at_ = 0;
  }

  const Store& store_;
  const std::string pattern_;
  std::optional<Glob> glob_;
  ScanOptions options_;
  ScanPage page_;
  std::size_t at_ = 0;  // in the page
  protocol::ReplyBuffer found_;
  std::size_t count_ = 0;
};

}  // namespace

// KEYS may walk over all keys: not on the event loop, where other connections would wait for it.
template <>
void handle<kKeys>(Context& context) {
  if (context.by_writer) {
    // The prefix ends before the first character that may be special.
    const std::string_view pattern = context.arg(0);
    const std::string_view prefix = pattern.substr(0, pattern.find_first_of("*?[\\"));
    return context.connection.submit(
        std::make_unique<MatchingKeysTask>(Matching(pattern), std::string(prefix)));
  }
  auto walk = std::make_shared<KeysWalk>(context.store(), std::string(context.arg(0)));
  context.connection.run_in_slices(
      [walk = std::move(walk)](ReplyEncoder& reply, Aside& aside) { return walk->go_on(reply, aside); });
}

}  // namespace minikv::server
