// SET, PUT, SETNX, SETEX, PSETEX, GETSET, CAS, MSET, MSETNX: commands that store values.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "server/commands/expiry_option.h"
#include "server/commands/handlers.h"
#include "server/commands/set_change.h"
#include "server/commands/values_task.h"

namespace minikv::server {

namespace errors = protocol::errors;
using protocol::ErrorReply;

namespace {

// The options of SET, as Redis reads them: all words first, the operand of the expiry last.
std::optional<ErrorReply> read_set_options(const Context& context, SetChange& change) {
  ExpiryOption expiry;
  bool keep_ttl = false;
  for (ArgumentReader reader(context.args.subspan(2)); !reader.done();) {
    if (!change.if_present && reader.take_word("nx")) {
      change.if_missing = true;
    } else if (!change.if_missing && reader.take_word("xx")) {
      change.if_present = true;
    } else if (reader.take_word("get")) {
      change.return_old = true;
    } else if (!expiry.is_given() && reader.take_word("keepttl")) {
      keep_ttl = true;
    } else if (keep_ttl || !expiry.take(reader)) {
      return errors::usage(context.command);
    }
  }
  if (keep_ttl) change.expiry.kind = Expiry::Kind::kAsBefore;
  if (!expiry.is_given()) return std::nullopt;
  return expiry.resolve(context.command, context.store().time().client_ms(), change.expiry);
}

// SETEX and PSETEX.
void submit_set_to_expire(const Context& context, std::int64_t unit_ms) {
  const auto count = protocol::parse_redis_integer(context.arg(1));
  if (!count) return context.fail(errors::bad_number(context.command, "seconds are a number"));
  const auto expiry = make_expiry(*count, unit_ms, Expiry::Kind::kIn, context.store().time().client_ms());
  if (!expiry) return context.fail(errors::invalid_expire_time(context.command));
  SetChange change;
  change.expiry = *expiry;
  change.submit(context, context.arg(0), context.arg(2));
}

// MSET and MSETNX of many keys or many bytes: a reader does what can be done before the writer gets the task.
class SetManyTask final : public Task {
 public:
  // `kept`: keys and values by turns, in `memory`.
  SetManyTask(ArgumentArena memory, std::vector<std::string_view> kept, bool if_missing)
      : Task(std::move(memory)), kept_(std::move(kept)), if_missing_(if_missing) {
    set_wants_preparation();
    if (!if_missing) return;
    keys_.reserve(kept_.size() / 2);
    for (std::size_t i = 0; i < kept_.size(); i += 2) keys_.push_back(kept_[i]);
    lookup_.emplace(keys_);
  }

  std::uint64_t bytes_to_prepare() const override {
    const std::uint64_t checksums = kept_.size() / 2 * sizeof(std::uint32_t);
    return checksums + (lookup_ ? KeyLookup::memory_for(keys_.size()) + keys_.size() * sizeof(keys_[0]) : 0);
  }
  void prepare(Preparation& preparation) override {
    if (lookup_) preparation.look_up(*lookup_);
    make_checksums();
  }
  Answered encode_some(protocol::ReplyEncoder& reply, const Reading&) override {
    if_missing_ ? reply.integer(is_set_ ? 1 : 0) : reply.ok();
    return Answered::kWhole;
  }

 private:
  void perform(Transaction& transaction) override {
    if (lookup_) {
      transaction.look_up(*lookup_);
      if (lookup_->there() > 0) return;
    }
    make_checksums();
    for (std::size_t i = 0; i < kept_.size(); i += 2)
      transaction.put(kept_[i], kept_[i + 1], checksums_[i / 2]);
    is_set_ = true;
  }
  void make_checksums() {
    if (!checksums_.empty()) return;
    std::vector<std::uint32_t> made;
    made.reserve(kept_.size() / 2);
    for (std::size_t i = 1; i < kept_.size(); i += 2) made.push_back(value_checksum(kept_[i]));
    checksums_ = std::move(made);
  }

  const std::vector<std::string_view> kept_;
  const bool if_missing_;
  std::vector<std::string_view> keys_;
  std::optional<KeyLookup> lookup_;
  std::vector<std::uint32_t> checksums_;
  bool is_set_ = false;
};

// MSET and MSETNX.
void submit_several(const Context& context, bool if_missing) {
  if (context.args.size() % 2 != 0) return context.fail(errors::wrong_arity(context.command));
  const std::uint64_t most = context.store().options().max_batch_bytes;
  std::uint64_t bytes = 0;
  for (const protocol::Arg& arg : context.args) bytes += arg.bytes.size();
  if (bytes > most) return context.fail(errors::request_too_long(most));
  ArgumentArena memory = context.memory();
  std::vector<std::string_view> kept = context.keep_all(memory);
  constexpr std::uint64_t kMuch = std::uint64_t{1} << 20;
  if (are_many(kept.size() / 2) || bytes > kMuch) {
    return context.connection.submit(
        std::make_unique<SetManyTask>(std::move(memory), std::move(kept), if_missing));
  }
  std::vector<std::uint32_t> checksums;
  for (std::size_t i = 1; i < kept.size(); i += 2) checksums.push_back(value_checksum(kept[i]));
  context.submit(std::move(memory), [kept = std::move(kept), checksums = std::move(checksums),
                                     if_missing](Transaction& transaction) {
    for (std::size_t i = 0; if_missing && i < kept.size(); i += 2) {
      if (transaction.find(kept[i])) return Outcome::integer(0);
    }
    for (std::size_t i = 0; i < kept.size(); i += 2) transaction.put(kept[i], kept[i + 1], checksums[i / 2]);
    return if_missing ? Outcome::integer(1) : Outcome::ok();
  });
}

// A version, as `cas`, `cad` and `put ... ver` take it.
std::optional<std::uint64_t> read_version(std::string_view text) { return protocol::parse_unsigned(text); }

}  // namespace

template <>
void handle<kSet>(Context& context) {
  SetChange change;
  if (!context.is_text()) {
    if (auto error = read_set_options(context, change)) return context.fail(*error);
  }
  change.submit(context, context.arg(0), context.arg(1));
}

// The parser has looked at the options before it took the body.
template <>
void handle<kPut>(Context& context) {
  SetChange change;
  change.style = SetChange::Style::kPut;
  for (ArgumentReader reader(context.args.subspan(2)); !reader.done();) {
    if (reader.take_word("nx")) {
      change.if_missing = true;
    } else if (reader.take_word("xx")) {
      change.if_present = true;
    } else if (reader.take_word("ver") && !reader.done()) {
      change.if_version = read_version(reader.take().bytes);
      if (!change.if_version) return context.fail(errors::bad_number(context.command));
    } else {
      const std::int64_t unit_ms = reader.take_word("ex") ? 1000 : 1;
      if (unit_ms == 1 && !reader.take_word("px")) return context.fail(errors::usage(context.command));
      if (reader.done()) return context.fail(errors::usage(context.command));
      const auto count = protocol::parse_unsigned(reader.take().bytes);
      if (!count || *count > INT64_MAX) return context.fail(errors::bad_number(context.command));
      const auto expiry = make_expiry(static_cast<std::int64_t>(*count), unit_ms, Expiry::Kind::kIn,
                                      context.store().time().client_ms());
      if (!expiry) return context.fail(errors::invalid_expire_time(context.command));
      change.expiry = *expiry;
    }
  }
  change.submit(context, context.arg(0), context.arg(1));
}

template <>
void handle<kSetNx>(Context& context) {
  SetChange change;
  change.style = SetChange::Style::kSetNx;
  change.if_missing = true;
  change.submit(context, context.arg(0), context.arg(1));
}

template <>
void handle<kSetEx>(Context& context) {
  submit_set_to_expire(context, 1000);
}

template <>
void handle<kPsetEx>(Context& context) {
  submit_set_to_expire(context, 1);
}

template <>
void handle<kGetSet>(Context& context) {
  SetChange change;
  change.return_old = true;
  change.submit(context, context.arg(0), context.arg(1));
}

template <>
void handle<kCas>(Context& context) {
  SetChange change;
  change.style = SetChange::Style::kCas;
  change.if_version = read_version(context.arg(1));
  if (!change.if_version) return context.fail(errors::bad_number(context.command, "a version is a number"));
  change.submit(context, context.arg(0), context.arg(2));
}

template <>
void handle<kMset>(Context& context) {
  submit_several(context, false);
}

template <>
void handle<kMsetNx>(Context& context) {
  submit_several(context, true);
}

}  // namespace minikv::server
