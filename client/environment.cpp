// Reads a variable, and overwrites a secret where it stood.
#include "client/environment.h"

#include <cstdlib>
#include <cstring>

namespace minikv::client {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string take_from_environment(const char* name) {
  std::string taken = from_environment(name);
  if (!taken.empty()) std::memset(std::getenv(name), '*', taken.size());
  unsetenv(name);
  return taken;
}

}  // namespace minikv::client
