// The result of a command, before it is encoded in a dialect.
#pragma once

#include <cstdint>
#include <utility>
#include <variant>

#include "minikv/transaction.h"
#include "protocol/errors.h"
#include "protocol/reply_encoder.h"

namespace minikv::server {

// Thread safety: as a std::string.
class Outcome {
 public:
  static Outcome ok() { return Outcome(Ok{}); }
  // Text: "+OK <version>". RESP: the integer.
  static Outcome ok_version(std::uint64_t version) { return Outcome(Version{version}); }
  static Outcome integer(std::int64_t n) { return Outcome(n); }
  static Outcome value(Value value) { return Outcome(std::move(value)); }
  // Text: -NOTFOUND. RESP: nil.
  static Outcome nothing() { return Outcome(Nothing{}); }
  static Outcome error(protocol::ErrorReply error) { return Outcome(std::move(error)); }
  static Outcome error(const Status& status);

  // Moves the value into the reply, if the outcome is a value.
  void encode(protocol::ReplyEncoder& reply) &&;

 private:
  struct Ok {};
  struct Nothing {};
  struct Version {
    std::uint64_t number;
  };
  using State = std::variant<Ok, Nothing, Version, std::int64_t, Value, protocol::ErrorReply>;
  explicit Outcome(State state) : state_(std::move(state)) {}

  State state_;
};

}  // namespace minikv::server
