// Descriptors 0 to 2.
#pragma once

namespace minikv::client {

// To be called before anything is opened: a descriptor of these that is closed would be given to the next
// file or connection, which would then be read for standard input, or be written results to. What is put in
// their place can be neither read nor written, so that its use is an error that is told. False if there is no
// descriptor to be had.
bool hold_standard_descriptors();

}  // namespace minikv::client
