// The data directory, seen from outside.
#pragma once

#include <string>

#include "minikv/status.h"

namespace minikv::server {

// Whether this user may make the directory, or read and write in the one that is there. Looks at nothing in
// it, and changes nothing. The error has one line for the operator.
Status check_data_dir(const std::string& path);

}  // namespace minikv::server
