// Who the client says it is.
#pragma once

#include <string>
#include <variant>

namespace minikv::client {

struct Credentials {
  std::string user = "default";
  std::string password;  // empty: none is said
};

// Why there are none, for people.
struct NoCredentials {
  std::string why;
};

// The password is the first line of `password_file`, which --password-file named; else that of
// $MINIKV_PASSWORD_FILE, or $MINIKV_PASSWORD, of which one may be set. `user` is what --user named; else
// $MINIKV_USER; else "default". An empty string, and an empty variable, is none; --user without a password is
// an error. $MINIKV_PASSWORD is taken out of the environment.
std::variant<Credentials, NoCredentials> find_credentials(const std::string& user,
                                                          const std::string& password_file);

}  // namespace minikv::client
