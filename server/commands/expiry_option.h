// EX, PX, EXAT and PXAT, as SET and GETEX take them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/command_table.h"
#include "protocol/errors.h"
#include "server/commands/arguments.h"

namespace minikv::server {

// The option that was given, if any.
class ExpiryOption {
 public:
  bool is_given() const { return word_ != nullptr; }
  // Takes the option with its operand; false if no such option comes next, which is an error then. The same
  // word may come again, and the last one counts, as in Redis; another word is not taken.
  bool take(ArgumentReader& reader);
  // To be called when all words have been read. Sets `expiry`, or returns what is wrong with the operand.
  std::optional<protocol::ErrorReply> resolve(const protocol::CommandSpec& command, std::int64_t now_ms,
                                              Expiry& expiry) const;

 private:
  struct Word {
    std::string_view text;
    std::int64_t unit_ms;
    Expiry::Kind kind;
  };
  static const Word kWords[];

  const Word* word_ = nullptr;
  std::string_view operand_;
};

}  // namespace minikv::server
