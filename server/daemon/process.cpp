// Limits of the process, systemd, and the port file.
#include "server/daemon/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace minikv::server {

bool hold_standard_descriptors() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) != -1) continue;
    // open() takes the lowest free number, which is this one. O_PATH can be neither read nor written, and is
    // there where /dev is not.
    const bool is_held = descriptor == STDERR_FILENO && open("/dev/null", O_WRONLY) == descriptor;
    if (!is_held && open("/", O_PATH) != descriptor) return false;
  }
  return true;
}

void prepare_process() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  umask(077);
}

namespace {

constexpr std::uint64_t kMaxOpenFiles = 1U << 30U;  // as many as "unlimited" stands for

}  // namespace

std::uint64_t open_files_limit() {
  rlimit files{};
  return getrlimit(RLIMIT_NOFILE, &files) == 0 ? std::min<std::uint64_t>(files.rlim_cur, kMaxOpenFiles)
                                               : 1024;
}

std::uint64_t open_files_now() {
  constexpr std::uint64_t kUnknown = 16;
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error))
    ++count;
  return error || count == 0 ? kUnknown : count - 1;  // the directory's own
}

void notify_supervisor(const std::string& state) { sd_notify(0, state.c_str()); }

namespace {

constexpr std::size_t kMaxPort = 6;  // with its line end

// Whether the file is empty, or has what prepare() writes.
bool is_port_file(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return false;
  char text[kMaxPort + 1];
  const std::size_t bytes = std::fread(text, 1, sizeof text, file);
  std::fclose(file);
  if (bytes == 0) return true;
  if (bytes > kMaxPort || text[bytes - 1] != '\n') return false;
  return std::all_of(text, text + bytes - 1, [](char c) { return c >= '0' && c <= '9'; }) && bytes > 1;
}

}  // namespace

PortFile::~PortFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
  if (written_ && is_ours()) unlink(path_.c_str());
}

bool PortFile::is_ours() const {
  struct stat now{};
  return lstat(path_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_;
}

Status PortFile::failed(std::string_view what) const {
  const int error = errno;
  const bool lacks_room = error == ENOSPC || error == EDQUOT;
  return {
      StatusCode::kIoError,
      fmt::format(
          "port_file {}: {}: {}{}", path_, what, std::generic_category().message(error),
          lacks_room ? ": make room on its disk, or name a port_file on another one (in /run, say)" : "")};
}

Status PortFile::check() const {
  if (path_.empty()) return Status::ok();
  const std::string directory = std::filesystem::path(path_).parent_path().string();
  struct stat existing{};
  if (access(directory.empty() ? "." : directory.c_str(), W_OK | X_OK) != 0)
    return failed("can't write there");
  if (lstat(path_.c_str(), &existing) != 0) return Status::ok();
  if (!S_ISREG(existing.st_mode)) {
    return {StatusCode::kInvalidArgument, fmt::format("port_file {} is there and is no regular file", path_)};
  }
  if (!is_port_file(path_)) {
    return {
        StatusCode::kInvalidArgument,
        fmt::format("port_file {} is there and holds something else than a port: it is left as it is; name "
                    "another file, or remove this one",
                    path_)};
  }
  return Status::ok();
}

Status PortFile::prepare(std::uint16_t port) {
  if (path_.empty()) return Status::ok();
  MINIKV_TRY(check());
  const std::string temporary = fmt::format("{}.{}.tmp", path_, getpid());
  unlink(temporary.c_str());  // of a killed run with the same process id
  std::FILE* file = std::fopen(temporary.c_str(), "wxe");
  if (file == nullptr) return failed("can't create it");
  temporary_ = temporary;
  struct stat made{};
  const bool printed =
      std::fputs(fmt::format("{}\n", port).c_str(), file) >= 0 && fstat(fileno(file), &made) == 0;
  if (std::fclose(file) != 0 || !printed) return failed("can't write it");
  device_ = made.st_dev;
  inode_ = made.st_ino;
  return Status::ok();
}

Status PortFile::publish() {
  if (path_.empty()) return Status::ok();
  MINIKV_TRY(check());
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("can't write it");
  temporary_.clear();
  written_ = true;
  return Status::ok();
}

}  // namespace minikv::server
