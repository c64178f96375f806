// Reads what Linux tells in /proc/self/status.
#include "server/memory/process_memory.h"

#include <fstream>
#include <limits>
#include <string>

namespace minikv::server {

ProcessMemory process_memory() {
  ProcessMemory memory;
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    std::uint64_t kibibytes = 0;
    if (name == "VmRSS:" && status >> kibibytes) memory.resident = kibibytes * 1024;
    if ((name == "RssAnon:" || name == "VmSwap:") && status >> kibibytes) memory.own += kibibytes * 1024;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return memory;
}

}  // namespace minikv::server
