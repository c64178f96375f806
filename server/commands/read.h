// The one way in which values are read for a command: at once if it may be, behind the writes before it if it must.
#pragma once

#include <span>

#include "minikv/store.h"
#include "protocol/reply_encoder.h"
#include "server/context.h"

namespace minikv::server {

// What one command reads on the event loop: more is a reader's, be it in memory or not.
inline constexpr std::uint64_t kMaxBytesAtOnce = std::uint64_t{1} << 20;

// Makes a reply of what was found under the keys, in their order.
using EncodeValues = void (*)(protocol::ReplyEncoder& reply, std::span<Result<Value>> found,
                              ServerState& server);

// Reads the values of all arguments, from one moment. While the connection has writes in flight the keys are looked up
// by the writer, behind those. Values that are not in memory are read by a reader.
void read_values(Context& context, EncodeValues encode);

// For INFO: how many of the keys that were asked for were there.
void count_lookups(std::span<const Result<Value>> found, ServerState& server);

}  // namespace minikv::server
