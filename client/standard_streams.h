// Descriptors 0 to 2.
#pragma once

namespace minikv::client {

// Opens each of these descriptors that is closed. To be called before anything else is opened: a file or
// connection would otherwise get such a number, and serve as standard input or output. The replacement can be
// neither read nor written, so that its use is a reported error. False if no descriptor can be opened.
bool hold_standard_descriptors();

}  // namespace minikv::client
