// The program's environment variables.
#pragma once

#include <string>

namespace minikv::client {

// Empty if it is unset.
std::string from_environment(const char* name);

// The same, and erases the value in the process's environment, where others (ps e, /proc) could read it.
std::string take_from_environment(const char* name);

}  // namespace minikv::client
