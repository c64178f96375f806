// Reads the option with its operand, and makes a moment or a duration of it.
#include "server/commands/expiry_option.h"

#include <algorithm>
#include <iterator>

#include "protocol/number.h"

namespace minikv::server {

namespace errors = protocol::errors;

const ExpiryOption::Word ExpiryOption::kWords[] = {
    {"ex", 1000, Expiry::Kind::kIn},
    {"px", 1, Expiry::Kind::kIn},
    {"exat", 1000, Expiry::Kind::kAt},
    {"pxat", 1, Expiry::Kind::kAt},
};

bool ExpiryOption::take(ArgumentReader& reader) {
  const auto* const word =
      std::ranges::find_if(kWords, [&](const Word& one) { return reader.take_word(one.text); });
  if (word == std::end(kWords) || (is_given() && word != word_) || reader.done()) return false;
  word_ = word;
  operand_ = reader.take().bytes;
  return true;
}

std::optional<protocol::ErrorReply> ExpiryOption::resolve(const protocol::CommandSpec& command,
                                                          std::int64_t now_ms, Expiry& expiry) const {
  const auto count = protocol::parse_redis_integer(operand_);
  if (!count) return errors::not_an_integer();
  const auto made = make_expiry(*count, word_->unit_ms, word_->kind, now_ms);
  if (!made) return errors::invalid_expire_time(command);
  expiry = *made;
  return std::nullopt;
}

}  // namespace minikv::server
