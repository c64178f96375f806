// A look at the requests that are still to be parsed.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace minikv::protocol {

// The keys of the GET requests that `input` begins with, one behind the other, up to as many as `keys` has
// room for; returns how many. Sees them in RESP as all clients write it; anything else, what is incomplete
// included, ends the search. For guesses about what will be needed soon: only parsing says what a request is.
// Thread safety: may be called by any number of threads at once. The keys point into `input`.
std::size_t peek_gets(std::string_view input, std::span<std::string_view> keys);

}  // namespace minikv::protocol
