// Tells a browser that was talked into speaking to us from a client: it would put commands into the lines of
// a request.
#pragma once

#include <string_view>

namespace minikv::protocol {

// Begins with the word POST or with "Host:", in any case.
bool begins_like_http(std::string_view line);

// Ends in a word like HTTP/1.1 or HTTP/2.
bool ends_like_http(std::string_view line);

}  // namespace minikv::protocol
