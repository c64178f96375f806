// Answers that are made of values by some work, rather than copied from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "minikv/store.h"
#include "protocol/reply_encoder.h"
#include "server/request/context.h"

namespace minikv::server {

// Makes the reply of the values that were found under the keys, in their order; an absent one is kNotFound.
// Called once, on the thread that has read the values, when the request is gone. So it may use nothing of the
// request but what it has copied.
using Derive = std::function<void(protocol::ReplyEncoder& reply, std::span<Result<Value>> found)>;

// Where the work is done.
enum class Work : std::uint8_t {
  kAsReading,  // where the values are read: on the event loop, unless they are large or not in memory
  kAside,      // on a reader's thread always: it may take milliseconds
};

// Reads the values of the first `keys` arguments as read_values() does, and answers with what `derive` makes
// of them. Answers with the error if one of them can't be read. Neither the writer nor, for more than a
// moment, an event loop waits. `derive` needs at most twice the memory of the values.
void derive_from_values(Context& context, std::size_t keys, Work work, Derive derive);

// The value; an absent one counts as empty.
inline std::string_view bytes_of(const Result<Value>& found) {
  return found ? std::string_view(found.value().data) : std::string_view();
}

}  // namespace minikv::server
