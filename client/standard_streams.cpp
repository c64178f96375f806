// Descriptors that are closed get a file that can be neither read nor written.
#include "client/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace minikv::client {

bool hold_standard_descriptors() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    // A path alone (O_PATH): reading and writing are EBADF, as with a closed one. open() takes the lowest
    // free number.
    if (fcntl(descriptor, F_GETFD) == -1 && open("/", O_PATH) != descriptor) return false;
  }
  return true;
}

}  // namespace minikv::client
