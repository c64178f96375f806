// Carries out RESP's SCAN; the text dialect has a command of the same name that does something else.
#pragma once

#include "server/request/context.h"

namespace minikv::server {

void scan_by_cursor(Context& context);

}  // namespace minikv::server
