// A lack of memory is a Status, like every other error.
#pragma once

#include <new>
#include <string>
#include <string_view>

#include "minikv/status.h"

namespace minikv::engine {

// kOutOfMemory; the message says that there is no memory for `what`.
inline Status out_of_memory(std::string_view what) noexcept {
  std::string message;
  try {
    message = "there is no memory for ";
    message += what;
    message += ": nothing was changed; free some, or raise the limit that the process runs under";
  } catch (const std::bad_alloc&) {
    message = "out of memory";  // short enough to need no allocation
  }
  return {StatusCode::kOutOfMemory, std::move(message)};
}

// Returns what `call()` returns, or kOutOfMemory if it throws std::bad_alloc.
template <typename Call>
Status without_throwing(Call call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return out_of_memory("saying what went wrong, or for what was being done");
  }
}

}  // namespace minikv::engine
