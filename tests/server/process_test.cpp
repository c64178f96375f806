// The real minikvd while it serves: its signals, limits and files, and the password that it asks for.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/config_child.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The first line of the answer, without its line end.
std::string ask(std::uint16_t port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string line;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    for (char byte = 0; recv(fd, &byte, 1, 0) == 1 && byte != '\r';) line += byte;
  }
  close(fd);
  return line;
}

TEST(ProcessTest, DataIsForItsOwnerOnly) {
  const Folder folder;
  ServerProcess server({"--segment-size=1MiB"}, folder / "data");
  ASSERT_TRUE(server.start());
  ASSERT_EQ(server.stop(), 0);
  for (const auto& [path, facts] : snapshot(folder / "data")) {
    struct stat file{};
    ASSERT_EQ(stat(path.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 077, 0U) << path;
  }
}

TEST(ProcessTest, StopSignalsEndItWithExitCode0) {
  for (const int number : {SIGTERM, SIGINT, SIGQUIT, SIGPWR, SIGXCPU}) {
    ServerProcess server;
    ASSERT_TRUE(server.start());
    kill(server.pid(), SIGHUP);  // ignored
    kill(server.pid(), number);
    EXPECT_EQ(server.wait(), 0) << server.log();
    EXPECT_THAT(server.log(), HasSubstr("everything is on disk"));
  }
}

TEST(ProcessTest, OtherSignalsAreLoggedAndChangeNothing) {
  ServerProcess server;
  ASSERT_TRUE(server.start());
  const int numbers[] = {SIGHUP,  SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,  SIGIO,
                         SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ, SIGSTKFLT, SIGRTMIN, SIGRTMAX};
  for (const int number : numbers) ASSERT_EQ(kill(server.pid(), number), 0);
  const std::string last = fmt::format("SIGRTMIN+{} ignored", SIGRTMAX - SIGRTMIN);
  for (int i = 0; i < 6000 && server.log().find(last) == std::string::npos; ++i) usleep(5'000);
  EXPECT_EQ(ask(server.port(), "ping\n"), "+PONG");
  EXPECT_EQ(server.stop(), 0);
  for (const char* name :
       {"SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGPOLL", "SIGTSTP", "SIGTTIN",
        "SIGTTOU", "SIGXFSZ", "SIGSTKFLT", "SIGRTMIN+0", "SIGRTMIN+30"}) {
    EXPECT_THAT(server.log(), HasSubstr(fmt::format("info  {} ignored: ", name)));
  }
}

TEST(ProcessTest, ACrashIsTheLastLineOfTheLog) {
  ServerProcess server;
  ASSERT_TRUE(server.start());
  kill(server.pid(), SIGHUP);
  kill(server.pid(), SIGABRT);
  EXPECT_EQ(server.wait(), -SIGABRT);
  EXPECT_TRUE(server.log().ends_with(fmt::format(
      "minikvd: ended by SIGABRT from process {}, a crash; the next start recovers the store\n", getpid())))
      << server.log();
}

// A pipe that is full, and nobody at its other end.
TEST(ProcessTest, StderrThatNobodyReadsHoldsUpNothing) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const std::string filling(4096, 'x');
  while (write(ends[1], filling.data(), filling.size()) > 0) {
  }
  fcntl(ends[1], F_SETFL, 0);
  ServerProcess server;
  server.set_stderr(ends[1]);
  ASSERT_TRUE(server.start()) << "it has logged its start";
  for (int i = 0; i < 1000; ++i) kill(server.pid(), SIGHUP);  // logged each time it is seen
  EXPECT_EQ(server.stop(), 0);
  close(ends[0]);
  close(ends[1]);
}

TEST(ProcessTest, AWriteBeyondTheLimitOfFileSizesIsAnErrorAndNoEnd) {
  ServerProcess server({"--segment-size=1MiB"});
  ASSERT_TRUE(server.start());
  const rlimit limit{.rlim_cur = 512 * 1024, .rlim_max = RLIM_INFINITY};
  ASSERT_EQ(prlimit(server.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  const std::string value(60'000, 'v');
  std::string reply = "+OK";
  for (int i = 0; i < 100 && reply == "+OK"; ++i)
    reply = ask(server.port(), fmt::format("set k{} {}\n", i, value));
  EXPECT_TRUE(reply.starts_with("-")) << reply;
  EXPECT_EQ(ask(server.port(), "strlen k0\n"), "+INT 60000");
  EXPECT_EQ(server.stop(), 0) << server.log();
}

TEST(ProcessTest, ThePasswordOfTheEnvironmentIsAskedFor) {
  ServerProcess server;
  server.set_environment({"MINIKV_PASSWORD=hunter2"});
  ASSERT_TRUE(server.start());
  EXPECT_THAT(ask(server.port(), "get k\n"), StartsWith("-NOAUTH"));
  EXPECT_EQ(ask(server.port(), "auth hunter2\n"), "+OK");
  EXPECT_THAT(read_file(fmt::format("/proc/{}/environ", server.pid())), HasSubstr("MINIKV_PASSWORD=*******"));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_THAT(server.log(), Not(HasSubstr("hunter2")));
}

TEST(ProcessTest, WhatLayerThePasswordComesFromIsNoSecret) {
  const Folder folder;
  write_file(folder / "password", "of the file\n");
  write_file(folder / "c.json", fmt::format("{{\"password_file\": \"{}\"}}", folder / "password"));
  struct Layer {
    std::vector<std::string> flags, variables;
    const char* password;
  };
  const Layer layers[] = {
      {{"--password-file", folder / "password"}, {"MINIKV_PASSWORD=x"}, "of the file"},
      {{"--config", folder / "c.json"}, {"MINIKV_PASSWORD=x"}, "x"},
      {{"--config", folder / "c.json"}, {}, "of the file"},
  };
  for (const Layer& layer : layers) {
    ServerProcess server(layer.flags);
    server.set_environment(layer.variables);
    ASSERT_TRUE(server.start());
    EXPECT_EQ(ask(server.port(), fmt::format("auth \"{}\"\n", layer.password)), "+OK");
    EXPECT_EQ(server.stop(), 0);
  }
}

TEST(ProcessTest, ThePortFileGoesWithTheServer) {
  ServerProcess server;
  ASSERT_TRUE(server.start());
  const std::string port_file = std::filesystem::path(server.data_dir()).parent_path() / "port";
  EXPECT_EQ(read_file(port_file), fmt::format("{}\n", server.port()));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(port_file));
}

}  // namespace
}  // namespace minikv::test
