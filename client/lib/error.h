// Errors between the client and the server; a refusal by the server is a Reply.
#pragma once

#include <cstdint>
#include <string>

namespace minikv::client {

struct Error {
  enum class Kind : std::uint8_t {
    kCannotConnect,
    kRefused,    // the server does not take the password
    kTimeout,    // no answer in time: the request may have been carried out or not
    kLost,       // the server went away before it answered: as kTimeout
    kMalformed,  // what answers is not a minikv server
  };

  Kind kind = Kind::kLost;
  std::string message;  // a sentence for people
};

}  // namespace minikv::client
