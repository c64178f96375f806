// The checks of data_dir before a store is opened there.
#include "server/daemon/data_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "server/config/text.h"

namespace minikv::server {
namespace {

Status failed(const std::string& path, std::string_view what) {
  return {StatusCode::kIoError, fmt::format("data_dir {} {}", one_line(path), what)};
}

std::string reason(int error) { return std::generic_category().message(error); }

bool is_dangling_link(const std::string& path) {
  struct stat link{};
  return lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
}

}  // namespace

Status check_data_dir(const std::string& path) {
  std::filesystem::path at(path);
  struct stat facts{};
  while (stat(at.c_str(), &facts) != 0) {
    if (errno != ENOENT)
      return failed(path, fmt::format("can't be used: {}: {}", one_line(at.string()), reason(errno)));
    if (is_dangling_link(at)) {
      return failed(path,
                    fmt::format("can't be made: {} is a symbolic link to nothing", one_line(at.string())));
    }
    if (!at.has_filename()) at = at.parent_path();  // "a/b/" is "a/b"
    const std::filesystem::path parent = at.parent_path();
    at = parent.empty() ? "." : parent;
  }
  const std::string nearest = one_line(at.string());
  if (!S_ISDIR(facts.st_mode)) return failed(path, fmt::format("can't be used: {} is no directory", nearest));
  const bool is_there = at == std::filesystem::path(path);
  if (access(at.c_str(), (is_there ? R_OK : 0) | W_OK | X_OK) == 0) return Status::ok();
  if (is_there)
    return failed(path, fmt::format("may not be read and written by this user: {}", reason(errno)));
  return failed(path, fmt::format("may not be made in {} by this user: {}", nearest, reason(errno)));
}

}  // namespace minikv::server
