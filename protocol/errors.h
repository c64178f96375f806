// Every error a client can be sent, in the words of both dialects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/request.h"

namespace minikv::protocol {

enum class ErrorCode : std::uint8_t {
  kNotFound,
  kExists,
  kVersion,
  kUsage,
  kUnknown,
  kTooLong,
  kNotInt,
  kNotFloat,
  kRange,
  kOverflow,
  kNoAuth,
  kWrongPass,
  kDenied,
  kReadOnly,
  kDiskFull,
  kIoErr,
  kCorrupt,
  kLoading,
  kBusy,
  kMaxClients,
  kAborted,
  kShutdown,
  kOom,
};

// "NOTFOUND", "EXISTS", ...
std::string_view error_code_name(ErrorCode code);

// `text` follows the code in the text dialect; `resp` is the whole RESP error line without the '-' ("ERR
// value is not an integer or out of range"). The encoder keeps both from breaking their line.
struct ErrorReply {
  ErrorCode code = ErrorCode::kUsage;
  std::string text;
  std::string resp;
  bool ends_transaction = false;  // RESP: the error discards the open transaction, as in Redis

  bool has_message() const { return !text.empty() || !resp.empty(); }
};

// One constructor for each error. The RESP words are those of Redis 7.0 where it has the error.
namespace errors {

// ---- what the store answers ----
ErrorReply not_found();                       // -NOTFOUND no such key
ErrorReply exists();                          // -EXISTS ...
ErrorReply version_is(std::uint64_t now);     // -VERSION now <n>, in both dialects
ErrorReply corrupt(std::string_view detail);  // -CORRUPT: the value is damaged on disk
ErrorReply io_error(std::string_view detail);
ErrorReply disk_full(std::string_view detail);  // RESP: MISCONF, as for every store that takes no writes
ErrorReply read_only(std::string_view detail);  // RESP: MISCONF
ErrorReply shutting_down();
ErrorReply busy(std::string_view detail);
ErrorReply loading();
ErrorReply max_clients();
// The configured memory limit leaves no room; `detail` says for what, and what to do. RESP: OOM.
ErrorReply out_of_memory(std::string_view detail);
// A command that ran into request_timeout, such as a walk over many keys.
ErrorReply took_too_long(std::uint64_t limit_ms);
ErrorReply internal(std::string_view detail);  // a case that should not occur: -IOERR, RESP "ERR ..."

// ---- the request as a whole ----
// Wrong arguments. Text: -USAGE, the usage line, and the detail in parentheses if there is one. RESP: "ERR
// syntax error".
ErrorReply usage(const CommandSpec& command, std::string_view detail = {});
// Text: as usage(). RESP: "ERR wrong number of arguments for 'client|setname' command".
ErrorReply wrong_arity(const CommandSpec& command);
// `args` as they came, without the verb; the error echoes only their beginnings.
ErrorReply unknown_command(Dialect dialect, std::string_view verb, std::span<const Arg> args);
// RESP only.
ErrorReply unknown_subcommand(const CommandSpec& command, std::string_view subcommand);
// A request that begins with a byte that neither dialect begins with.
ErrorReply unknown_first_byte(char byte);
// RESP: "ERR Protocol error: <detail>".
ErrorReply protocol_error(std::string_view detail);

// ---- lengths ----
ErrorReply line_too_long(std::size_t limit_bytes);
ErrorReply key_too_long(std::size_t limit_bytes);
ErrorReply value_too_long(std::size_t limit_bytes);
ErrorReply request_too_long(std::size_t limit_bytes);
ErrorReply too_many_arguments(std::size_t limit);

// ---- numbers ----
// The value of a key, or its increment, is no number: -NOTINT, -NOTFLOAT.
ErrorReply not_an_integer();
ErrorReply not_a_float();
// Any other argument that should be a number and is not, or does not fit. Text: -USAGE and the usage line;
// RESP: as not_an_integer().
ErrorReply bad_number(const CommandSpec& command, std::string_view detail = {});
ErrorReply overflow();                             // "ERR increment or decrement would overflow"
ErrorReply decrement_overflow();                   // DECRBY of the minimum: "ERR decrement would overflow"
ErrorReply out_of_range(std::string_view detail);  // -RANGE; RESP "ERR <detail>"
ErrorReply invalid_expire_time(const CommandSpec& command);

// ---- RESP only ----
ErrorReply unsupported_option(std::string_view option);   // EXPIRE: "ERR Unsupported option ..."
ErrorReply incompatible_expire_options(bool only_gt_lt);  // NX with XX, GT or LT; or GT with LT
ErrorReply incompatible_lcs_options();                    // LEN with IDX
ErrorReply lcs_needs_too_much_memory();
ErrorReply not_finite();  // the result of INCRBYFLOAT
ErrorReply db_index_out_of_range();
ErrorReply no_such_protocol();         // HELLO 4
ErrorReply protocol_not_an_integer();  // HELLO x
ErrorReply bad_hello_option(std::string_view option);
ErrorReply bad_client_name();
ErrorReply name_too_long(std::string_view what, std::size_t most_bytes);
ErrorReply no_such_key();     // RENAME: "ERR no such key"
ErrorReply same_object();     // COPY of a key to itself
ErrorReply invalid_cursor();  // SCAN
ErrorReply bad_timeout();     // WAIT
ErrorReply negative_timeout();
ErrorReply bad_slow_log_count();
ErrorReply bad_slow_log_command(std::string_view subcommand);
ErrorReply unknown_setting(std::string_view name);  // CONFIG SET
ErrorReply immutable_setting(std::string_view name);
ErrorReply no_shutdown();  // SHUTDOWN ABORT
ErrorReply no_such_client();
ErrorReply bad_client_id();
ErrorReply invalid_client_id();
ErrorReply unknown_client_type(std::string_view type);
ErrorReply too_many_names(std::size_t limit);
ErrorReply cluster_disabled();
ErrorReply no_latency_samples(std::string_view event);
ErrorReply invalid_command();  // COMMAND GETKEYS, as the next two
ErrorReply invalid_arguments_of_command();
ErrorReply no_key_arguments();

// ---- transactions ----
ErrorReply watched_key_changed();                      // text only
ErrorReply exec_abort();                               // EXECABORT: a command was refused before EXEC
ErrorReply exec_without_auth();                        // the same: the password is missing
ErrorReply without_multi(const CommandSpec& command);  // "ERR EXEC without MULTI"
ErrorReply inside_multi(const CommandSpec& command);   // "ERR WATCH inside MULTI is not allowed"
ErrorReply not_in_multi();                             // a command that can't be queued
ErrorReply other_dialect_in_multi();
ErrorReply transaction_too_long(std::size_t limit_bytes);
ErrorReply watch_without_memory();
ErrorReply transaction_walks_too_far(std::size_t limit_bytes);
ErrorReply transaction_without_memory();
ErrorReply no_room_in_transaction();  // for the value that one of its commands would make

// ---- authentication ----
ErrorReply no_auth();
ErrorReply hello_without_auth();
ErrorReply no_password_set();  // AUTH where there is nothing to check it against
ErrorReply wrong_pass();
ErrorReply denied(std::string_view detail);

}  // namespace errors
}  // namespace minikv::protocol
