// The words of the errors: clients match on them.
#include "protocol/errors.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::protocol {
namespace {

struct Wording {
  ErrorReply error;
  std::string text;
  std::string resp;
};

TEST(ErrorWordsTest, SayWhatBothDialectsPromise) {
  const CommandSpec& set = command_spec(CommandId::kSet);
  const CommandSpec& client = command_spec(CommandId::kClient);
  const std::vector<Wording> cases = {
      {errors::not_found(), "NOTFOUND no such key", "NOTFOUND no such key"},
      {errors::exists(), "EXISTS there is such a key", "EXISTS there is such a key"},
      {errors::version_is(12), "VERSION now 12", "VERSION now 12"},
      {errors::corrupt("x"), "CORRUPT x", "CORRUPT x"},
      {errors::io_error("x"), "IOERR x", "IOERR x"},
      {errors::disk_full("x"), "DISKFULL x", "MISCONF x"},
      {errors::read_only("x"), "READONLY x", "MISCONF x"},
      {errors::usage(set), "USAGE set key value...", "ERR syntax error"},
      {errors::usage(set, "why"), "USAGE set key value... (why)", "ERR syntax error"},
      {errors::wrong_arity(set), "USAGE set key value...", "ERR wrong number of arguments for 'set' command"},
      {errors::wrong_arity(command_spec(CommandId::kClientSetName)), "USAGE CLIENT SETNAME connection-name",
       "ERR wrong number of arguments for 'client|setname' command"},
      {errors::unknown_subcommand(client, "Foo"), "USAGE CLIENT subcommand [argument ...]",
       "ERR unknown subcommand 'Foo'. Try CLIENT HELP."},
      {errors::not_an_integer(), "NOTINT not an integer of 64 bits",
       "ERR value is not an integer or out of range"},
      {errors::not_a_float(), "NOTFLOAT not a number", "ERR value is not a valid float"},
      {errors::bad_number(set), "USAGE set key value...", "ERR value is not an integer or out of range"},
      {errors::overflow(), "OVERFLOW the result does not fit an integer of 64 bits",
       "ERR increment or decrement would overflow"},
      {errors::decrement_overflow(), "OVERFLOW the result does not fit an integer of 64 bits",
       "ERR decrement would overflow"},
      {errors::invalid_expire_time(set),
       "RANGE the expiry is out of range; it counts from now and is at least 1",
       "ERR invalid expire time in 'set' command"},
      {errors::db_index_out_of_range(), "RANGE DB index is out of range", "ERR DB index is out of range"},
      {errors::no_such_protocol(), "USAGE unsupported protocol version",
       "NOPROTO unsupported protocol version"},
      {errors::max_clients(), "MAXCLIENTS too many connections; try again later",
       "ERR max number of clients reached"},
      {errors::no_auth(), "NOAUTH Authentication required.", "NOAUTH Authentication required."},
      {errors::not_finite(), "OVERFLOW increment would produce NaN or Infinity",
       "ERR increment would produce NaN or Infinity"},
      {errors::incompatible_lcs_options(),
       "USAGE If you want both the length and indexes, please just use IDX.",
       "ERR If you want both the length and indexes, please just use IDX."},
      {errors::lcs_needs_too_much_memory(),
       "TOOLONG Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
       "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"},
      {errors::unsupported_option("zz"), "USAGE Unsupported option zz", "ERR Unsupported option zz"},
  };
  for (const Wording& one : cases) {
    EXPECT_EQ(std::string(error_code_name(one.error.code)) + " " + one.error.text, one.text);
    EXPECT_EQ(one.error.resp, one.resp);
  }
}

TEST(ErrorWordsTest, EveryCodeHasTheNameOfTheProtocol) {
  const std::vector<std::string_view> names = {
      "NOTFOUND", "EXISTS",   "VERSION", "USAGE",      "UNKNOWN", "TOOLONG",  "NOTINT",   "NOTFLOAT",
      "RANGE",    "OVERFLOW", "NOAUTH",  "WRONGPASS",  "DENIED",  "READONLY", "DISKFULL", "IOERR",
      "CORRUPT",  "LOADING",  "BUSY",    "MAXCLIENTS", "ABORTED", "SHUTDOWN", "OOM"};
  for (std::size_t at = 0; at < names.size(); ++at)
    EXPECT_EQ(error_code_name(static_cast<ErrorCode>(at)), names[at]);
}

}  // namespace
}  // namespace minikv::protocol
