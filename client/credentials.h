// The user and the password that the client sends.
#pragma once

#include <string>
#include <variant>

namespace minikv::client {

struct Credentials {
  std::string user = "default";
  std::string password;  // empty: none is sent
};

// Why there are no credentials, as text for people.
struct NoCredentials {
  std::string why;
};

// The password is the first line of `password_file` (--password-file), else the first line of the file
// $MINIKV_PASSWORD_FILE, else $MINIKV_PASSWORD; without the flag, setting both variables is an error. The
// user is `user` (--user), else $MINIKV_USER, else "default". An empty string or variable counts as none;
// --user without a password is an error. $MINIKV_PASSWORD is removed from the environment.
std::variant<Credentials, NoCredentials> find_credentials(const std::string& user,
                                                          const std::string& password_file);

}  // namespace minikv::client
