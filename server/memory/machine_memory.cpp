// The minimum of the machine's memory, the limits of all cgroups upwards, and the process's own limits.
#include "server/memory/machine_memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string_view>

namespace minikv::server {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
// What the process takes beside keys and clients.
constexpr std::uint64_t kBesides = std::uint64_t{64} << 20;
constexpr std::uint64_t kMin = std::uint64_t{64} << 20;

// The number that the file begins with; kUnlimited, if it begins with none ("max") or is not there.
std::uint64_t read_limit(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t bytes = 0;
  return file >> bytes ? bytes : kUnlimited;
}

std::uint64_t machine_bytes(const std::string& root) {
  std::ifstream meminfo(root + "/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  if (meminfo >> name >> kib && name == "MemTotal:") return kib * 1024;
  return kUnlimited;
}

// The least limit of the cgroup at `path` below `mount` and of those above it. In a container the path may
// not be there: its own cgroup is the root that it sees.
std::uint64_t cgroup_limit(const std::string& mount, std::string path, std::string_view file) {
  std::uint64_t least = kUnlimited;
  for (;;) {
    least = std::min(least, read_limit(mount + path + "/" + std::string(file)));
    if (path.empty()) return least;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

// A line of /proc/self/cgroup is "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers.
std::uint64_t cgroup_bytes(const std::string& root) {
  std::uint64_t least = kUnlimited;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    if (controllers == ",,") {
      least = std::min(least, cgroup_limit(root + "/sys/fs/cgroup", path, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(least, cgroup_limit(root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::uint64_t process_limit(int resource) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return kUnlimited;
  return limit.rlim_cur == RLIM_INFINITY ? kUnlimited : limit.rlim_cur;
}

}  // namespace

std::uint64_t usable_memory(const std::string& root) {
  const std::uint64_t address_space = process_limit(RLIMIT_AS);
  const std::uint64_t usable = std::min({machine_bytes(root), cgroup_bytes(root), process_limit(RLIMIT_DATA),
                                         address_space == kUnlimited ? kUnlimited : address_space / 2});
  return std::max(usable, kMin);
}

std::uint64_t default_index_memory(std::uint64_t client_bytes, const std::string& root) {
  const std::uint64_t usable = usable_memory(root), elsewhere = client_bytes + kBesides;
  return std::clamp(usable - std::min(usable, elsewhere), usable / 4, usable / 2);
}

}  // namespace minikv::server
