// A quick parser for nearly all RESP requests.
#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/parse_result.h"
#include "protocol/request.h"

namespace minikv::protocol {

// If `input` begins with a RESP request that is whole, short, written as clients write it, of a known
// command, with the right number of arguments and within the limits: fills `request` and returns its length
// in bytes. Otherwise returns 0, and RespParser has to parse it. RespParser would return the same request,
// after a few times as many instructions. `request.args` must be empty; the views point into `input`.
// Thread safety: may be called by any number of threads at once.
std::size_t parse_resp_quickly(std::string_view input, const ParserLimits& limits, Request& request);

}  // namespace minikv::protocol
