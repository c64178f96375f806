// The errors that belong to one command or a few, and those about transactions and authentication.
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "protocol/error_words.h"

namespace minikv::protocol::errors {

ErrorReply unsupported_option(std::string_view option) {
  return in_both(ErrorCode::kUsage, "ERR", fmt::format("Unsupported option {}", as_redis_shows(option)));
}

ErrorReply incompatible_expire_options(bool only_gt_lt) {
  return in_both(ErrorCode::kUsage, "ERR",
                 only_gt_lt ? "GT and LT options at the same time are not compatible"
                            : "NX and XX, GT or LT options at the same time are not compatible");
}

ErrorReply incompatible_lcs_options() {
  return in_both(ErrorCode::kUsage, "ERR", "If you want both the length and indexes, please just use IDX.");
}

ErrorReply lcs_needs_too_much_memory() {
  return in_both(ErrorCode::kTooLong, "ERR",
                 "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
}

ErrorReply not_finite() {
  return in_both(ErrorCode::kOverflow, "ERR", "increment would produce NaN or Infinity");
}

ErrorReply db_index_out_of_range() { return in_both(ErrorCode::kRange, "ERR", "DB index is out of range"); }

ErrorReply no_such_protocol() {
  return in_both(ErrorCode::kUsage, "NOPROTO", "unsupported protocol version");
}

ErrorReply protocol_not_an_integer() {
  return in_both(ErrorCode::kUsage, "ERR", "Protocol version is not an integer or out of range");
}

ErrorReply bad_hello_option(std::string_view option) {
  return in_both(ErrorCode::kUsage, "ERR",
                 fmt::format("Syntax error in HELLO option '{}'", as_redis_shows(option)));
}

ErrorReply bad_client_name() {
  return in_both(ErrorCode::kUsage, "ERR",
                 "Client names cannot contain spaces, newlines or special characters.");
}

ErrorReply name_too_long(std::string_view what, std::size_t most_bytes) {
  return in_both(ErrorCode::kUsage, "ERR", fmt::format("{} have at most {} bytes", what, most_bytes));
}

ErrorReply no_such_key() { return in_both(ErrorCode::kNotFound, "ERR", "no such key"); }

ErrorReply same_object() {
  return in_both(ErrorCode::kUsage, "ERR", "source and destination objects are the same");
}

ErrorReply invalid_cursor() { return in_both(ErrorCode::kUsage, "ERR", "invalid cursor"); }

ErrorReply bad_timeout() {
  return in_both(ErrorCode::kUsage, "ERR", "timeout is not an integer or out of range");
}

ErrorReply negative_timeout() { return in_both(ErrorCode::kUsage, "ERR", "timeout is negative"); }

ErrorReply bad_slow_log_count() {
  return in_both(ErrorCode::kUsage, "ERR", "count should be greater than or equal to -1");
}

ErrorReply no_shutdown() { return in_both(ErrorCode::kUsage, "ERR", "No shutdown in progress."); }

ErrorReply no_such_client() { return in_both(ErrorCode::kUsage, "ERR", "No such client"); }

ErrorReply bad_slow_log_command(std::string_view subcommand) {
  return in_both(ErrorCode::kUsage, "ERR",
                 fmt::format("unknown subcommand or wrong number of arguments for '{}'. Try SLOWLOG HELP.",
                             as_redis_shows(subcommand)));
}

ErrorReply unknown_setting(std::string_view name) {
  return in_both(
      ErrorCode::kUsage, "ERR",
      fmt::format("Unknown option or number of arguments for CONFIG SET - '{}'", as_redis_shows(name)));
}

ErrorReply immutable_setting(std::string_view name) {
  return in_both(
      ErrorCode::kUsage, "ERR",
      fmt::format("CONFIG SET failed (possibly related to argument '{}') - can't set immutable config: "
                  "change the configuration and start the server anew",
                  as_redis_shows(name)));
}

ErrorReply invalid_client_id() { return in_both(ErrorCode::kUsage, "ERR", "Invalid client ID"); }

ErrorReply unknown_client_type(std::string_view type) {
  return in_both(ErrorCode::kUsage, "ERR", fmt::format("Unknown client type '{}'", as_redis_shows(type)));
}

ErrorReply bad_client_id() { return in_both(ErrorCode::kUsage, "ERR", "client-id should be greater than 0"); }

ErrorReply too_many_names(std::size_t limit) {
  return in_both(ErrorCode::kTooLong, "ERR", fmt::format("a request names at most {} of these", limit));
}

ErrorReply cluster_disabled() {
  return in_both(ErrorCode::kUsage, "ERR", "This instance has cluster support disabled");
}

ErrorReply no_latency_samples(std::string_view event) {
  return in_both(ErrorCode::kUsage, "ERR",
                 fmt::format("No samples available for event '{}'", as_redis_shows(event)));
}

ErrorReply invalid_command() { return in_both(ErrorCode::kUsage, "ERR", "Invalid command specified"); }

ErrorReply invalid_arguments_of_command() {
  return in_both(ErrorCode::kUsage, "ERR", "Invalid number of arguments specified for command");
}

ErrorReply no_key_arguments() {
  return in_both(ErrorCode::kUsage, "ERR", "The command has no key arguments");
}

ErrorReply watched_key_changed() {
  return in_both(ErrorCode::kAborted, "ERR",
                 "a watched key has changed; nothing was done: watch, read and try again");
}

ErrorReply exec_abort() {
  return {ErrorCode::kAborted, "nothing was done, because a command of the transaction was refused",
          "EXECABORT Transaction discarded because of previous errors."};
}

ErrorReply exec_without_auth() {
  return {ErrorCode::kNoAuth, "Authentication required.",
          "EXECABORT Transaction discarded because of: NOAUTH Authentication required."};
}

ErrorReply without_multi(const CommandSpec& command) {
  return in_both(ErrorCode::kUsage, "ERR", fmt::format("{} without MULTI", upper_name(command)));
}

ErrorReply inside_multi(const CommandSpec& command) {
  return in_both(ErrorCode::kUsage, "ERR",
                 command.id == CommandId::kMulti
                     ? "MULTI calls can not be nested"
                     : fmt::format("{} inside MULTI is not allowed", upper_name(command)));
}

ErrorReply not_in_multi() {
  return in_both(ErrorCode::kUsage, "ERR", "Command not allowed inside a transaction");
}

ErrorReply other_dialect_in_multi() {
  return in_both(ErrorCode::kUsage, "ERR", "a transaction goes on in the dialect in which it was begun");
}

ErrorReply transaction_too_long(std::size_t limit_bytes) {
  return in_both(ErrorCode::kTooLong, "ERR",
                 fmt::format("a transaction holds at most {} bytes", limit_bytes));
}

ErrorReply watch_without_memory() {
  return out_of_memory("there is no room in max_client_memory to watch these keys; watch fewer");
}

ErrorReply transaction_without_memory() {
  return out_of_memory(
      "there is no room in max_client_memory for more of this transaction; queue less in one");
}

ErrorReply transaction_walks_too_far(std::size_t limit_bytes) {
  return in_both(ErrorCode::kTooLong, "ERR",
                 fmt::format("the keys that a transaction walks over may take {} bytes; ask for fewer, or "
                             "outside of a transaction",
                             limit_bytes));
}

ErrorReply no_room_in_transaction() {
  return in_both(ErrorCode::kTooLong, "ERR", "what this would write does not fit into the transaction");
}

ErrorReply no_auth() { return in_both(ErrorCode::kNoAuth, "NOAUTH", "Authentication required."); }

ErrorReply hello_without_auth() {
  return in_both(
      ErrorCode::kNoAuth, "NOAUTH",
      "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH "
      "<user> <pass> option can be used to authenticate the client and select the RESP protocol version "
      "at the same time");
}

ErrorReply no_password_set() {
  return {
      ErrorCode::kUsage, "this server has no password",
      "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
      "configuration is correct?"};
}

ErrorReply wrong_pass() {
  return in_both(ErrorCode::kWrongPass, "WRONGPASS", "invalid username-password pair or user is disabled.");
}

ErrorReply denied(std::string_view detail) {
  return in_both(ErrorCode::kDenied, "NOPERM", std::string(detail));
}

}  // namespace minikv::protocol::errors
