// Takes the password from its variable or from the first line of its file, and limits its length.
#include "server/config/password.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "protocol/parser.h"
#include "server/config/text.h"

namespace minikv::server {
namespace {

// The maximum that a client can send before it has given the password.
constexpr std::size_t kMaxPasswordBytes = protocol::ParserLimits::kUnauthenticatedBytes;

// Reads up to a line feed, the end of the file, or more than a password may have. Returns the errno of a
// failure, or 0.
int read_first_line(const std::string& path, std::string& line) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return errno;
  int error = 0;
  std::array<char, 4096> bytes{};
  while (line.find('\n') == std::string::npos && line.size() <= kMaxPasswordBytes + 1) {
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    line.append(bytes.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  line.resize(std::min(line.find('\n'), line.size()));
  if (line.ends_with('\r')) line.pop_back();
  return error;
}

Result<std::string> checked(std::string password, const std::string& where) {
  if (password.size() <= kMaxPasswordBytes) return password;
  return invalid(
      fmt::format("{}: the password is longer than {} bytes, which is the most that a client can send "
                  "before it has given it: choose a shorter one",
                  where, kMaxPasswordBytes));
}

Result<std::string> read_password(const std::string& path) {
  const std::string where = "password_file " + one_line(path);
  std::string password;
  if (const int error = read_first_line(path, password); error != 0) {
    return Status(StatusCode::kIoError,
                  fmt::format("{} can't be read: {}", where, std::generic_category().message(error)));
  }
  if (password.empty()) return invalid(where + ": its first line, which has to be the password, is empty");
  return checked(std::move(password), where);
}

}  // namespace

Result<std::string> find_password(const Settled& settled) {
  if (!settled.password.empty()) return checked(settled.password, std::string(kPasswordVariable));
  if (settled.config.password_file.empty()) return std::string();
  return read_password(settled.config.password_file);
}

}  // namespace minikv::server
