// From the engine's codes to the protocol's.
#include "server/request/errors.h"

namespace minikv::server {

namespace errors = protocol::errors;

protocol::ErrorReply error_from(const Status& status) {
  const std::string& message = status.message();
  switch (status.code()) {
    case StatusCode::kNotFound: return errors::not_found();
    case StatusCode::kExists: return errors::exists();
    case StatusCode::kCorruption: return errors::corrupt(message);
    case StatusCode::kDiskFull: return errors::disk_full(message);
    case StatusCode::kShutdown: return errors::shutting_down();
    case StatusCode::kReadOnly: return {protocol::ErrorCode::kIoErr, message, "MISCONF " + message};
    case StatusCode::kInvalidArgument: return {protocol::ErrorCode::kUsage, message, "ERR " + message};
    case StatusCode::kIoError: return errors::io_error(message);
    case StatusCode::kOutOfMemory: return errors::out_of_memory(message);
    case StatusCode::kCancelled:
    case StatusCode::kOk:
    case StatusCode::kVersion:
    case StatusCode::kRefused:
    case StatusCode::kLocked: break;
  }
  return errors::internal(message);
}

protocol::ErrorReply no_memory_for_request() {
  return errors::out_of_memory("the system has no memory left for this request");
}

}  // namespace minikv::server
