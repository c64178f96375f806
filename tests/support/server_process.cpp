// Starts minikvd on a free port, waits until it answers, and ends it in order or by a signal.
#include "tests/support/server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace minikv::test {
namespace {

constexpr int kPatienceMs = 60'000;
// The port file and the listening socket can't be waited for as the process can: they are looked at this
// often.
constexpr int kLookAgainMs = 2;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::uint16_t read_port(const std::string& path) {
  const std::string text = read_file(path);
  std::uint16_t port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

std::string make_work_dir() {
  std::string path = testing::TempDir() + "minikv-server-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  return path;
}

// Sends a ping and waits for the answer; false if nobody listens yet.
bool answers_ping(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);

  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, "ping\n", 5, MSG_NOSIGNAL) == 5) {
    char byte = 0;
    while (answer.find('\n') == std::string::npos && recv(fd, &byte, 1, 0) == 1) answer += byte;
  }
  close(fd);
  return answer.starts_with("+PONG") || answer.starts_with("-NOAUTH");
}

// Of a child; 0: as it is.
void set_limit(__rlimit_resource resource, std::uint64_t number) {
  const rlimit limit{.rlim_cur = number, .rlim_max = number};
  if (number != 0 && setrlimit(resource, &limit) != 0) _exit(125);
}

int exit_code(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -WTERMSIG(wait_status);
}

// Read before a test changes namespaces: within a chroot the link then names the path outside of it.
const std::filesystem::path kPrograms = std::filesystem::read_symlink("/proc/self/exe").parent_path();

}  // namespace

std::string program_path(const std::string& name) { return kPrograms / name; }

ServerProcess::ServerProcess(std::vector<std::string> flags, std::string data_dir)
    : flags_(std::move(flags)), work_dir_(make_work_dir()), data_dir_(std::move(data_dir)) {
  if (data_dir_.empty()) data_dir_ = work_dir_ + "/data";
  port_file_ = work_dir_ + "/port";
  log_file_ = work_dir_ + "/log";
}

ServerProcess::~ServerProcess() {
  kill9();
  std::error_code ignored;
  std::filesystem::remove_all(work_dir_, ignored);
}

testing::AssertionResult ServerProcess::start() {
  std::filesystem::remove(port_file_);
  spawn();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (std::chrono::steady_clock::now() < give_up) {
    port_ = read_port(port_file_);
    if (port_ != 0 && answers_ping(port_)) return testing::AssertionSuccess();
    if (exited_within(kLookAgainMs)) {
      return testing::AssertionFailure()
             << "minikvd ended at once, exit code " << exit_code(wait_status_) << ", log:\n"
             << log();
    }
  }
  kill9();
  return testing::AssertionFailure() << "minikvd did not answer in time, log:\n" << log();
}

testing::AssertionResult ServerProcess::restart() {
  if (is_running()) {
    if (const int code = stop(); code != 0) {
      return testing::AssertionFailure() << "minikvd ended with exit code " << code << ", log:\n" << log();
    }
  }
  return start();
}

int ServerProcess::stop() {
  if (pid_ > 0) kill(pid_, SIGTERM);
  return wait();
}

void ServerProcess::kill9() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  reap();
}

int ServerProcess::wait() {
  if (!exited_within(kPatienceMs)) kill9();
  return exit_code(wait_status_);
}

std::string ServerProcess::log() const { return read_file(log_file_); }

void ServerProcess::spawn() {
  // All memory is taken before the fork: the test may have threads, and then the child may only make system
  // calls.
  std::vector<std::string> words = {program_path("minikvd"),         "--data-dir",  data_dir_, "--port",
                                    std::to_string(requested_port_), "--port-file", port_file_};
  words.insert(words.end(), flags_.begin(), flags_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // What is meant for the tests, or for another server, is none of this one's settings.
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("MINIKV_")) variables.push_back(*variable);
  }
  for (std::string& variable : environment_) variables.push_back(variable.data());
  variables.push_back(nullptr);
  const pid_t parent = getpid();

  const int log_fd = open(log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    dup2(null_fd, STDIN_FILENO);
    dup2(log_fd, STDOUT_FILENO);
    dup2(stderr_ >= 0 ? stderr_ : log_fd, STDERR_FILENO);
    set_limit(RLIMIT_NOFILE, open_files_limit_);
    set_limit(RLIMIT_AS, address_limit_);
    set_limit(RLIMIT_FSIZE, file_size_limit_);
    execve(argv[0], argv.data(), variables.data());
    _exit(127);
  }
  close(log_fd);
  close(null_fd);
  pid_fd_ = pid_ > 0 ? static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)) : -1;
  if (pid_fd_ < 0) {
    std::perror("starting minikvd");
    std::abort();
  }
}

bool ServerProcess::exited_within(int milliseconds) {
  if (pid_ <= 0) return true;
  pollfd exited{.fd = pid_fd_, .events = POLLIN, .revents = 0};
  if (poll(&exited, 1, milliseconds) <= 0) return false;
  reap();
  return true;
}

void ServerProcess::reap() {
  while (waitpid(pid_, &wait_status_, 0) < 0 && errno == EINTR) {
  }
  close(pid_fd_);
  pid_ = -1;
  pid_fd_ = -1;
}

}  // namespace minikv::test
