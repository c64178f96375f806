// Loads and saves libedit's history; saving writes a new file and renames it over the old one.
#include "client/history_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "client/environment.h"

namespace minikv::client {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

// Resolves symbolic links, so that a link stays one when its file is replaced.
std::string real_path(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

// Also closes the file. Returns the errno of a failure, or 0.
int write_history(History* history, std::FILE* file) {
  HistEvent event{};
  errno = 0;
  int error = 0;
  if (::history(history, &event, H_SAVE_FP, file) < 0 || std::fflush(file) != 0)
    error = errno != 0 ? errno : EIO;
  if (std::fclose(file) != 0 && error == 0) error = errno;
  return error;
}

}  // namespace

HistoryFile::HistoryFile(std::string path) : path_(std::move(path)) {
  if (path_ == "/dev/null") path_.clear();
}

std::string HistoryFile::load(History* history) {
  if (path_.empty()) return {};
  // O_NONBLOCK: open() must not wait for the other end of a pipe.
  const int fd = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? std::string() : problem(reason(errno));
  struct stat file{};
  const bool is_file = fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
  close(fd);
  if (!is_file) return problem("it is no regular file");
  if (file.st_size == 0) return {};
  HistEvent event{};
  if (::history(history, &event, H_LOAD, path_.c_str()) >= 0) return {};
  return problem("it is no history of minikv's; name another file with MINIKV_HISTORY");
}

std::string HistoryFile::save(History* history) const {
  if (path_.empty()) return {};
  const std::string path = real_path(path_);
  std::string temporary = path + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);  // 0600
  std::FILE* file = fd < 0 ? nullptr : fdopen(fd, "w");
  if (file == nullptr) return fmt::format("the history was not saved in {}: {}", path_, reason(errno));
  int error = write_history(history, file);
  if (error == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return {};
  unlink(temporary.c_str());
  return fmt::format("the history was not saved in {}: {}", path_, reason(error));
}

std::string HistoryFile::problem(const std::string& what) {
  return fmt::format("no history is kept: {}: {}", std::exchange(path_, {}), what);
}

std::string default_history_file() {
  if (const std::string named = from_environment("MINIKV_HISTORY"); !named.empty()) return named;
  const std::string home = from_environment("HOME");
  return home.empty() ? home : home + "/.minikv_history";
}

}  // namespace minikv::client
