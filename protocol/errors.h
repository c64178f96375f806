// Every error a client can be sent, in the words of both dialects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace minikv::protocol {

enum class ErrorCode : std::uint8_t {
  kNotFound, kExists, kVersion, kUsage, kUnknown, kTooLong, kNotInt, kNotFloat, kRange, kOverflow, kNoAuth,
  kWrongPass, kDenied, kReadOnly, kDiskFull, kIoErr, kCorrupt, kLoading, kBusy, kMaxClients, kAborted, kShutdown,
};

// "NOTFOUND", "EXISTS", ...
std::string_view error_code_name(ErrorCode code);

// `text` follows the code in the text dialect; `resp` is the whole RESP error line without the '-'
// ("ERR value is not an integer or out of range").
struct ErrorReply {
  ErrorCode code = ErrorCode::kUsage;
  std::string text;
  std::string resp;
};

}  // namespace minikv::protocol
