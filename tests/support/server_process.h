// The real minikvd, as a child process of a test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::test {

// The folder of the programs under test: the one that this test program is in.
std::string program_path(const std::string& name);

// Starts minikvd on a free port of 127.0.0.1 and a data directory, and ends it. Several may live at once.
//
//     ServerProcess server({"--fsync", "never"});
//     ASSERT_TRUE(server.start());
//     ... connect to 127.0.0.1:server.port() ...
//     EXPECT_EQ(server.stop(), 0);
//
// The child is killed when the thread that called start() ends, whatever way, so that no test leaves a server
// behind.
//
// Thread safety: pid(), port() and the paths may be read from any thread while no other call is under way.
class ServerProcess {
 public:
  // Nothing is started yet. `flags` are added to the command line of every start. Without a `data_dir` there
  // is a temporary one, removed with this object (but not by stop() or kill9()); a given one is the caller's.
  explicit ServerProcess(std::vector<std::string> flags = {}, std::string data_dir = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Returns when the server has answered a ping; fails, with the server's log, if it exits before that or
  // takes more than a minute.
  testing::AssertionResult start();
  // stop(), if it runs, then start() on the same data. The port is another one, unless keep_port() was
  // called.
  testing::AssertionResult restart();

  // SIGTERM, and waits for the end. The exit code; -N if signal N ended it; -SIGKILL if it took more than a
  // minute and was killed.
  int stop();
  // SIGKILL, and waits for the end.
  void kill9();
  // Waits for the server to end by itself; result as stop().
  int wait();

  bool is_running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  std::uint16_t port() const { return port_; }
  const std::string& data_dir() const { return data_dir_; }
  // From now on every start asks for the port of the last one.
  void keep_port() { requested_port_ = port_; }
  void set_flags(std::vector<std::string> flags) { flags_ = std::move(flags); }
  // Variables of every start from now on, "NAME=value". Others that begin with MINIKV_ are not passed on.
  void set_environment(std::vector<std::string> variables) { environment_ = std::move(variables); }
  // From now on every start has this limit of open files (ulimit -n).
  void set_open_files_limit(std::uint64_t files) { open_files_limit_ = files; }
  // From now on every start may have so many bytes of addresses (ulimit -v), and files of so many bytes
  // (ulimit -f); 0: as many as this process.
  void set_address_limit(std::uint64_t bytes) { address_limit_ = bytes; }
  void set_file_size_limit(std::uint64_t bytes) { file_size_limit_ = bytes; }
  // From now on stderr is this descriptor, which stays the caller's; log() does not have it then.
  void set_stderr(int fd) { stderr_ = fd; }
  // What all runs so far have written to stdout and stderr.
  std::string log() const;

 private:
  void spawn();
  bool exited_within(int milliseconds);
  void reap();

  std::vector<std::string> flags_;
  std::vector<std::string> environment_;
  int stderr_ = -1;
  std::uint64_t open_files_limit_ = 0;  // 0: this process's
  std::uint64_t address_limit_ = 0, file_size_limit_ = 0;
  std::string work_dir_;
  std::string data_dir_;
  std::string port_file_;
  std::string log_file_;
  pid_t pid_ = -1;
  int pid_fd_ = -1;
  int wait_status_ = 0;
  std::uint16_t port_ = 0;
  std::uint16_t requested_port_ = 0;
};

}  // namespace minikv::test
