#include "protocol/errors.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "protocol/quoting.h"

namespace minikv::protocol {
namespace {

constexpr std::array<std::string_view, 22> kCodeNames = {
    "NOTFOUND", "EXISTS",   "VERSION", "USAGE",      "UNKNOWN", "TOOLONG",  "NOTINT",   "NOTFLOAT",
    "RANGE",    "OVERFLOW", "NOAUTH",  "WRONGPASS",  "DENIED",  "READONLY", "DISKFULL", "IOERR",
    "CORRUPT",  "LOADING",  "BUSY",    "MAXCLIENTS", "ABORTED", "SHUTDOWN"};
static_assert(kCodeNames.size() == static_cast<std::size_t>(ErrorCode::kShutdown) + 1);

// How much of what a client sent is sent back to it.
constexpr std::size_t kMaxEchoedBytes = 128;

// printf's %.128s, which is what Redis shows a name with: it also ends at a NUL.
std::string_view as_redis_shows(std::string_view bytes, std::size_t at_most = kMaxEchoedBytes) {
  bytes = bytes.substr(0, at_most);
  return bytes.substr(0, bytes.find('\0'));
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), to_lower);
  return lower;
}

// The same sentence in both dialects.
ErrorReply in_both(ErrorCode code, std::string_view resp_prefix, std::string sentence) {
  std::string resp = fmt::format("{} {}", resp_prefix, sentence);
  return {code, std::move(sentence), std::move(resp)};
}

std::string usage_line(const CommandSpec& command, std::string_view detail) {
  const std::string_view usage = command.usage.empty() ? command.resp_usage : command.usage;
  return detail.empty() ? std::string(usage) : fmt::format("{} ({})", usage, detail);
}

}  // namespace

std::string_view error_code_name(ErrorCode code) { return kCodeNames[static_cast<std::size_t>(code)]; }

namespace errors {

ErrorReply not_found() { return in_both(ErrorCode::kNotFound, "NOTFOUND", "no such key"); }

ErrorReply exists() { return in_both(ErrorCode::kExists, "EXISTS", "there is such a key"); }

ErrorReply version_is(std::uint64_t now) {
  return in_both(ErrorCode::kVersion, "VERSION", fmt::format("now {}", now));
}

ErrorReply corrupt(std::string_view detail) {
  return in_both(ErrorCode::kCorrupt, "CORRUPT", std::string(detail));
}

ErrorReply io_error(std::string_view detail) {
  return in_both(ErrorCode::kIoErr, "IOERR", std::string(detail));
}

ErrorReply disk_full(std::string_view detail) {
  return in_both(ErrorCode::kDiskFull, "MISCONF", std::string(detail));
}

ErrorReply read_only(std::string_view detail) {
  return in_both(ErrorCode::kReadOnly, "MISCONF", std::string(detail));
}

ErrorReply shutting_down() {
  return in_both(ErrorCode::kShutdown, "ERR", "the server is shutting down; connect again later");
}

ErrorReply busy(std::string_view detail) { return in_both(ErrorCode::kBusy, "BUSY", std::string(detail)); }

ErrorReply loading() {
  return {ErrorCode::kLoading, "the store is being opened; try again later",
          "LOADING Redis is loading the dataset in memory"};
}

ErrorReply max_clients() {
  return {ErrorCode::kMaxClients, "too many connections; try again later",
          "ERR max number of clients reached"};
}

ErrorReply internal(std::string_view detail) {
  return in_both(ErrorCode::kIoErr, "ERR", std::string(detail));
}

ErrorReply usage(const CommandSpec& command, std::string_view detail) {
  return {ErrorCode::kUsage, usage_line(command, detail), "ERR syntax error"};
}

ErrorReply wrong_arity(const CommandSpec& command) {
  const std::string_view name = command.resp_name.empty() ? command.name : command.resp_name;
  std::string what = fmt::format("wrong number of arguments for '{}' command", name);
  if (command.id == CommandId::kExec) {
    return {ErrorCode::kUsage, usage_line(command, {}),
            "EXECABORT Transaction discarded because of: " + what};
  }
  return {ErrorCode::kUsage, usage_line(command, {}), "ERR " + what};
}

ErrorReply wrong_arity(const CommandSpec& command, std::string_view subcommand) {
  return {ErrorCode::kUsage, usage_line(command, {}),
          fmt::format("ERR wrong number of arguments for '{}|{}' command", command.resp_name,
                      lower_case(subcommand))};
}

ErrorReply unknown_command(Dialect dialect, std::string_view verb, std::span<const Arg> args) {
  ErrorReply reply;
  reply.code = ErrorCode::kUnknown;
  if (dialect == Dialect::kText) {
    reply.text = "unknown verb ";
    append_quoted_if_needed(reply.text, verb.substr(0, kMaxEchoedBytes));
    reply.text += "; help lists the verbs";
    return reply;
  }
  std::string beginnings;
  for (const Arg& arg : args) {
    if (beginnings.size() >= kMaxEchoedBytes) break;
    const std::size_t room = kMaxEchoedBytes - beginnings.size();
    beginnings += fmt::format("'{}' ", as_redis_shows(arg.bytes, room));
  }
  reply.resp =
      fmt::format("ERR unknown command '{}', with args beginning with: {}", as_redis_shows(verb), beginnings);
  return reply;
}

ErrorReply unknown_subcommand(const CommandSpec& command, std::string_view subcommand) {
  std::string upper(command.resp_name);
  std::ranges::transform(upper, upper.begin(), to_upper);
  return {ErrorCode::kUsage, usage_line(command, {}),
          fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", as_redis_shows(subcommand), upper)};
}

ErrorReply unknown_first_byte(char byte) {
  return in_both(ErrorCode::kUnknown, "ERR",
                 fmt::format("a request can't begin with byte 0x{:02x}; speak text or RESP, without TLS",
                             static_cast<unsigned char>(byte)));
}

ErrorReply protocol_error(std::string_view detail) {
  return in_both(ErrorCode::kUsage, "ERR", fmt::format("Protocol error: {}", detail));
}

ErrorReply line_too_long(std::size_t limit_bytes) {
  return in_both(ErrorCode::kTooLong, "ERR",
                 fmt::format("a line holds at most {} bytes; put takes longer values", limit_bytes));
}

ErrorReply key_too_long(std::size_t limit_bytes) {
  return in_both(ErrorCode::kTooLong, "ERR", fmt::format("a key holds at most {} bytes", limit_bytes));
}

ErrorReply value_too_long(std::size_t limit_bytes) {
  return {ErrorCode::kTooLong, fmt::format("a value holds at most {} bytes", limit_bytes),
          "ERR string exceeds maximum allowed size (proto-max-bulk-len)"};
}

ErrorReply request_too_long(std::size_t limit_bytes) {
  return in_both(ErrorCode::kTooLong, "ERR", fmt::format("a request holds at most {} bytes", limit_bytes));
}

ErrorReply too_many_arguments(std::size_t limit) {
  return in_both(ErrorCode::kTooLong, "ERR", fmt::format("a request holds at most {} arguments", limit));
}

ErrorReply not_an_integer() {
  return {ErrorCode::kNotInt, "not an integer of 64 bits", "ERR value is not an integer or out of range"};
}

ErrorReply not_a_float() { return {ErrorCode::kNotFloat, "not a number", "ERR value is not a valid float"}; }

ErrorReply bad_number(const CommandSpec& command, std::string_view detail) {
  return {ErrorCode::kUsage, usage_line(command, detail), "ERR value is not an integer or out of range"};
}

ErrorReply overflow() {
  return {ErrorCode::kOverflow, "the result does not fit an integer of 64 bits",
          "ERR increment or decrement would overflow"};
}

ErrorReply decrement_overflow() {
  return {ErrorCode::kOverflow, "the result does not fit an integer of 64 bits",
          "ERR decrement would overflow"};
}

ErrorReply out_of_range(std::string_view detail) {
  return in_both(ErrorCode::kRange, "ERR", std::string(detail));
}

ErrorReply invalid_expire_time(const CommandSpec& command) {
  const std::string_view name = command.resp_name.empty() ? command.name : command.resp_name;
  return {ErrorCode::kRange, "the expiry is out of range; it counts from now and is at least 1",
          fmt::format("ERR invalid expire time in '{}' command", name)};
}

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

ErrorReply without_multi(std::string_view command) {
  return in_both(ErrorCode::kUsage, "ERR", fmt::format("{} without MULTI", command));
}

ErrorReply nested_multi() { return in_both(ErrorCode::kUsage, "ERR", "MULTI calls can not be nested"); }

ErrorReply watch_inside_multi() {
  return in_both(ErrorCode::kUsage, "ERR", "WATCH inside MULTI is not allowed");
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

}  // namespace errors
}  // namespace minikv::protocol
