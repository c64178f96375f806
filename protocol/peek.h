// A look at the requests that are still to be parsed.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace minikv::protocol {

// Finds the keys of the GET requests at the front of `input`, at most keys.size() of them, and returns how
// many. The function recognises a GET in RESP as all clients write it; anything else, an incomplete request
// included, ends the search. The result serves as a guess at the keys that will be needed soon: only the
// parser says what a request is.
// Thread safety: may be called by any number of threads at once. The keys point into `input`.
std::size_t peek_gets(std::string_view input, std::span<std::string_view> keys);

}  // namespace minikv::protocol
