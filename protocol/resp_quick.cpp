// One pass over a request that is whole, without states; anything unusual is left to RespParser.
#include "protocol/resp_quick.h"

#include <algorithm>
#include <array>

#include "protocol/ascii.h"

namespace minikv::protocol {
namespace {

constexpr std::size_t kMaxArgs = 9;          // with the verb: one digit
constexpr std::size_t kMaxLengthDigits = 5;  // of a length
constexpr std::size_t kMaxBytes = 65535;     // of an argument

// Reads along a request; once something is not as it should be, `ok` stays false.
class Reader {
 public:
  explicit Reader(std::string_view input) : at_(input.data()), end_(input.data() + input.size()) {}

  // A type byte, digits without a zero in front, CR LF.
  std::size_t header(char type, std::size_t most_digits) {
    if (end_ - at_ < 4 || *at_ != type) return fail();
    const char* const first = ++at_;
    std::size_t number = 0;
    while (at_ != end_ && is_digit(*at_)) number = 10 * number + static_cast<std::size_t>(*at_++ - '0');
    const auto digits = static_cast<std::size_t>(at_ - first);
    if (digits == 0 || digits > most_digits || (*first == '0' && digits > 1)) return fail();
    line_end();
    return number;
  }
  std::string_view bytes(std::size_t count) {
    if (static_cast<std::size_t>(end_ - at_) < count) {
      fail();
      return {};
    }
    const std::string_view taken(at_, count);
    at_ += count;
    line_end();
    return taken;
  }
  bool ok() const { return ok_; }
  const char* at() const { return at_; }

 private:
  void line_end() {
    if (end_ - at_ < 2 || at_[0] != '\r' || at_[1] != '\n') {
      fail();
      return;
    }
    at_ += 2;
  }
  std::size_t fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const char* at_;
  const char* const end_;
  bool ok_ = true;
};

}  // namespace

std::size_t parse_resp_quickly(std::string_view input, const ParserLimits& limits, Request& request) {
  if (!limits.authenticated) return 0;
  Reader reader(input);
  const std::size_t count = reader.header('*', 1);
  if (!reader.ok() || count == 0 || count > std::min(kMaxArgs, limits.max_arguments)) return 0;
  const std::size_t longest = std::min({kMaxBytes, limits.max_key_bytes, limits.max_value_bytes});
  std::array<std::string_view, kMaxArgs> args;
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t length = reader.header('$', kMaxLengthDigits);
    total += length;
    if (length > longest || total > limits.request_bytes()) return 0;
    args[i] = reader.bytes(length);
    if (!reader.ok()) return 0;
  }
  const CommandSpec* const command = find_resp_command(args[0]);
  if (command == nullptr || !command->takes(count) || !subcommands_of(command->id).empty()) return 0;
  request.dialect = Dialect::kResp;
  request.command = command;
  request.verb = args[0];
  request.subcommand = {};
  for (std::size_t i = 1; i < count; ++i) request.args.push_back({args[i]});
  return static_cast<std::size_t>(reader.at() - input.data());
}

}  // namespace minikv::protocol
