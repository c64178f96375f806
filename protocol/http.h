// Recognises HTTP: a web page can make a browser send a request that has commands in its lines.
#pragma once

#include <string_view>

namespace minikv::protocol {

// Begins with the word POST or with "Host:", in any case.
bool begins_like_http(std::string_view line);

// Ends in a word like HTTP/1.1 or HTTP/2.
bool ends_like_http(std::string_view line);

}  // namespace minikv::protocol
