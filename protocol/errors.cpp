// The errors that any command can have; errors_of_commands.cpp has those of a few commands.
#include "protocol/errors.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "protocol/ascii.h"
#include "protocol/error_words.h"
#include "protocol/quoting.h"
#include "protocol/syntax.h"

namespace minikv::protocol {
namespace {

constexpr std::array<std::string_view, 23> kCodeNames = {
    "NOTFOUND", "EXISTS",   "VERSION", "USAGE",      "UNKNOWN", "TOOLONG",  "NOTINT",   "NOTFLOAT",
    "RANGE",    "OVERFLOW", "NOAUTH",  "WRONGPASS",  "DENIED",  "READONLY", "DISKFULL", "IOERR",
    "CORRUPT",  "LOADING",  "BUSY",    "MAXCLIENTS", "ABORTED", "SHUTDOWN", "OOM"};
static_assert(kCodeNames.size() == static_cast<std::size_t>(ErrorCode::kOom) + 1);

std::string usage_line(const CommandSpec& command, std::string_view detail) {
  const std::string usage = command.usage.empty() ? resp_usage(command) : std::string(command.usage);
  return detail.empty() ? usage : fmt::format("{} ({})", usage, detail);
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

ErrorReply out_of_memory(std::string_view detail) {
  return in_both(ErrorCode::kOom, "OOM", std::string(detail));
}

ErrorReply took_too_long(std::uint64_t limit_ms) {
  return in_both(ErrorCode::kBusy, "ERR",
                 fmt::format("the command took longer than {} ms (request_timeout) and was given up; ask for "
                             "less at a time, as with SCAN",
                             limit_ms));
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
    return {ErrorCode::kUsage, usage_line(command, {}), "EXECABORT Transaction discarded because of: " + what,
            true};
  }
  return {ErrorCode::kUsage, usage_line(command, {}), "ERR " + what};
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
  return {ErrorCode::kUsage, usage_line(command, {}),
          fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", as_redis_shows(subcommand),
                      upper_name(command))};
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

}  // namespace errors
}  // namespace minikv::protocol
