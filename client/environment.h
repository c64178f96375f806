// The program's environment variables.
#pragma once

#include <string>

namespace minikv::client {

// Empty if it is unset.
std::string from_environment(const char* name);

// The same, and blots it out in the process's own environment, where others (ps e, /proc) would find it.
std::string take_from_environment(const char* name);

}  // namespace minikv::client
