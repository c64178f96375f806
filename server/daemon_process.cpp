#include "server/daemon_process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace minikv::server {

void prepare_process() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    // open() takes the lowest free number, which is this one.
    if (fcntl(descriptor, F_GETFD) == -1 && open("/dev/null", O_RDWR) == -1) return;
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  std::signal(SIGPIPE, SIG_IGN);
  umask(077);
}

std::uint64_t open_files_limit() {
  rlimit files{};
  return getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 1024;
}

void notify_supervisor(const std::string& state) { sd_notify(0, state.c_str()); }

PortFile::~PortFile() {
  if (written_) unlink(path_.c_str());
}

Status PortFile::failed(std::string_view what) const {
  return {StatusCode::kIoError,
          fmt::format("port_file {}: {}: {}", path_, what, std::generic_category().message(errno))};
}

Status PortFile::check() const {
  if (path_.empty()) return Status::ok();
  const std::string directory = std::filesystem::path(path_).parent_path().string();
  struct stat existing {};
  if (access(directory.empty() ? "." : directory.c_str(), W_OK | X_OK) != 0)
    return failed("can't write there");
  if (stat(path_.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
    return {StatusCode::kInvalidArgument, fmt::format("port_file {} is there and is no regular file", path_)};
  }
  return Status::ok();
}

Status PortFile::write(std::uint16_t port) {
  if (path_.empty()) return Status::ok();
  const std::string temporary = fmt::format("{}.{}.tmp", path_, getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "we");
  if (file == nullptr) return failed("can't create it");
  const bool printed = std::fputs(fmt::format("{}\n", port).c_str(), file) >= 0;
  if (std::fclose(file) != 0 || !printed || std::rename(temporary.c_str(), path_.c_str()) != 0) {
    const Status status = failed("can't write it");
    unlink(temporary.c_str());
    return status;
  }
  written_ = true;
  return Status::ok();
}

}  // namespace minikv::server
