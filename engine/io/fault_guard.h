// Reads of mapped memory that survive a SIGBUS.
#pragma once

#include <cstddef>

namespace minikv::engine {

// A page of a mapped file that can't be read (a media error, or a file cut shorter than its mapping) reaches
// the reader as SIGBUS, which by default ends the process. Here it ends one copy.

// Installs the process-wide SIGBUS handler; further calls do nothing. A SIGBUS from elsewhere goes to the
// handler that was there before, or ends the process as it would without this handler.
void install_fault_guard();

// memcpy() out of mapped memory; false if a page of it could not be read, and then any part of `to` may have
// been filled. Makes no system call. Needs install_fault_guard() before.
//
// Thread safety: may be called by any number of threads at once.
bool copy_from_mapped(char* to, const char* from, std::size_t length);

}  // namespace minikv::engine
