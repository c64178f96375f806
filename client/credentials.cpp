// Finds user and password in flags, file and environment, and reads a password file's first line.
#include "client/credentials.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "client/environment.h"

namespace minikv::client {
namespace {

// The longest word that a server takes. The limit keeps an endless file from filling the memory.
constexpr std::size_t kMaxPasswordBytes = 64 * 1024;

// Reads up to a line feed, the end, or more bytes than a password has. Returns the errno of a failure, or 0.
int read_first_line(int fd, std::string& line) {
  std::array<char, 4096> bytes{};
  while (line.find('\n') == std::string::npos && line.size() <= kMaxPasswordBytes) {
    const ssize_t got = read(fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    line.append(bytes.data(), static_cast<std::size_t>(got));
  }
  line.resize(std::min(line.find('\n'), line.size()));
  if (line.ends_with('\r')) line.pop_back();
  return 0;
}

std::variant<std::string, NoCredentials> read_password(const std::string& path, const std::string& where) {
  const auto failed = [&](std::string_view why) {
    return NoCredentials{fmt::format("{}: the password can't be read from '{}': {}", where, path, why)};
  };
  const int fd = open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return failed(std::generic_category().message(errno));
  std::string line;
  const int error = read_first_line(fd, line);
  close(fd);
  if (error != 0) return failed(std::generic_category().message(error));
  if (line.empty()) return failed("its first line is empty");
  if (line.size() > kMaxPasswordBytes) return failed("its first line is longer than any password");
  return line;
}

}  // namespace

std::variant<Credentials, NoCredentials> find_credentials(const std::string& user,
                                                          const std::string& password_file) {
  const std::string secret = take_from_environment("MINIKV_PASSWORD");
  const std::string file_variable = from_environment("MINIKV_PASSWORD_FILE");
  if (password_file.empty() && !secret.empty() && !file_variable.empty()) {
    return NoCredentials{"MINIKV_PASSWORD and MINIKV_PASSWORD_FILE are both set: unset one of them"};
  }
  Credentials credentials;
  const std::string& path = password_file.empty() ? file_variable : password_file;
  if (path.empty()) {
    credentials.password = secret;
  } else {
    auto read = read_password(path, password_file.empty() ? "MINIKV_PASSWORD_FILE" : "--password-file");
    if (auto* none = std::get_if<NoCredentials>(&read)) return std::move(*none);
    credentials.password = std::get<std::string>(std::move(read));
  }
  if (!user.empty() && credentials.password.empty()) {
    return NoCredentials{"--user needs a password: --password-file FILE, or MINIKV_PASSWORD"};
  }
  const std::string named = user.empty() ? from_environment("MINIKV_USER") : user;
  if (!named.empty()) credentials.user = named;
  return credentials;
}

}  // namespace minikv::client
