// The real minikvd, and what it does with what it is told: bad input is one clear line on stderr, an exit code that is
// not 0, and nothing touched.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/manifest.h"
#include "tests/server/config_child.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr uid_t kNobody = 65534;

// One line, said by minikvd, and nothing on stdout.
void expect_refusal(const Ended& ended, int exit_code, const std::string& part) {
  EXPECT_EQ(ended.exit_code, exit_code) << ended.err;
  EXPECT_THAT(ended.err, StartsWith("minikvd: "));
  EXPECT_THAT(ended.err, HasSubstr(part));
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  EXPECT_TRUE(ended.err.ends_with('\n'));
  EXPECT_EQ(ended.out, "");
}

Ended serve_in(const std::string& data_dir, std::vector<std::string> more = {}, uid_t user = 0) {
  Start start{.arguments = {"--port", "0", "--data-dir", data_dir}, .environment = {}, .user = user};
  start.arguments.insert(start.arguments.end(), more.begin(), more.end());
  return run_minikvd_to_end(start);
}

// A port of 127.0.0.1 that somebody else listens on.
class TakenPort {
 public:
  TakenPort() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(socket_, 1) != 0)
      std::abort();
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { close(socket_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

// Gives the store a feature that this version does not know.
void make_newer(const std::string& data_dir) {
  engine::ManifestFile file(engine::FileSystem::posix(), data_dir);
  Result<engine::Manifest> manifest = file.load(nullptr);
  ASSERT_TRUE(manifest) << manifest.status().message();
  manifest->incompat_features |= 1U << 31U;
  ASSERT_TRUE(file.commit(*manifest));
}

TEST(ConfigProcess, UnknownSettingsAreRefusedWherever) {
  const Folder folder;
  const std::string data = folder / "data";
  expect_refusal(serve_in(data, {"--prot=1"}), 2, "unknown option --prot; did you mean --port?");
  Start start{.arguments = {"--data-dir", data}, .environment = {"MINIKV_PROT=1"}};
  expect_refusal(run_minikvd_to_end(start), 2, "unknown setting MINIKV_PROT in the environment");
  write_file(folder / "c.json", R"({"prot": 1})");
  expect_refusal(serve_in(data, {"--config", folder / "c.json"}), 2,
                 "unknown setting \"prot\"; did you mean \"port\"?");
  EXPECT_FALSE(std::filesystem::exists(data));
}

TEST(ConfigProcess, ValuesOutOfRangeAreRefusedWherever) {
  const Folder folder;
  const std::string data = folder / "data";
  expect_refusal(serve_in(data, {"--port=70000"}), 2, "--port=70000 is out of range (0 to 65535)");
  Start start{.arguments = {"--data-dir", data}, .environment = {"MINIKV_IO_THREADS=0"}};
  expect_refusal(run_minikvd_to_end(start), 2, "MINIKV_IO_THREADS=0 is out of range (1 to 64)");
  write_file(folder / "c.json", R"({"segment_size": "1KiB"})");
  expect_refusal(serve_in(data, {"--config", folder / "c.json"}), 2,
                 "\"1KiB\" is out of range (1MiB to 1GiB)");
  EXPECT_FALSE(std::filesystem::exists(data));
}

TEST(ConfigProcess, CheckConfigAnswersAndTouchesNothing) {
  const Folder folder;
  const TakenPort taken;
  const auto ended = run_minikvd_to_end({.arguments = {"--data-dir", folder / "data", "--check-config",
                                                       "--port", fmt::format("{}", taken.port())}});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
  expect_refusal(run_minikvd_to_end({.arguments = {"--check-config", "--fsync=often"}}), 1,
                 "--fsync=often is not always, interval or never");
}

TEST(ConfigProcess, TheSampleConfigurationIsFine) {
  const auto ended = run_minikvd_to_end(
      {.arguments = {"--config", MINIKV_SOURCE_DIR "/conf/minikv.json", "--check-config"}});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
}

TEST(ConfigProcess, HelpVersionAndPrintConfigAnswerOnStdout) {
  EXPECT_THAT(run_minikvd_to_end({.arguments = {"--help"}}).out, HasSubstr("--data-dir DIR"));
  EXPECT_THAT(run_minikvd_to_end({.arguments = {"--version"}}).out, StartsWith("minikvd "));
  const auto first = run_minikvd_to_end({.arguments = {"--print-config", "--port=1"}});
  EXPECT_EQ(first.exit_code, 0);
  const Folder folder;
  write_file(folder / "printed.json", first.out);
  const auto again = run_minikvd_to_end(
      {.arguments = {"--print-config"}, .environment = {"MINIKV_CONFIG=" + (folder / "printed.json")}});
  EXPECT_EQ(again.out, first.out);
  EXPECT_THAT(run_minikvd_to_end({.arguments = {"--print-config=origins", "--port=1"}}).out,
              HasSubstr("\"port\": 1,  // --port\n"));
}

TEST(ConfigProcess, APortInUseIsRefusedBeforeTheDataIsTouched) {
  const Folder folder;
  const TakenPort taken;
  const std::string port = fmt::format("{}", taken.port());
  expect_refusal(serve_in(folder / "data", {"--port", port}), 1, "127.0.0.1:" + port);
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
}

TEST(ConfigProcess, AnAddressThatIsNotOursIsRefusedBeforeTheDataIsTouched) {
  const Folder folder;
  expect_refusal(serve_in(folder / "data", {"--bind", "192.0.2.1"}), 1, "192.0.2.1");  // TEST-NET-1: nobody's
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
}

TEST(ConfigProcess, ADirectoryWithForeignFilesIsRefusedAndLeftAlone) {
  const Folder folder;
  write_file(folder / "thesis.txt", "the only copy");
  const auto before = snapshot(folder.path());
  expect_refusal(serve_in(folder.path()), 1, folder.path());
  EXPECT_EQ(snapshot(folder.path()), before);
}

TEST(ConfigProcess, AFileInTheDirectorysPlaceIsRefused) {
  const Folder folder;
  write_file(folder / "file", "a file");
  const auto before = snapshot(folder.path());
  expect_refusal(serve_in(folder / "file"), 1, folder / "file");
  expect_refusal(serve_in(folder / "file/data"), 1, folder / "file");
  EXPECT_EQ(snapshot(folder.path()), before);
}

TEST(ConfigProcess, ADirectoryThatMayNotBeWrittenIsRefused) {
  const Folder folder;
  const std::string data = folder / "data";
  const bool is_root = geteuid() == 0;
  std::filesystem::create_directory(data);
  chmod(data.c_str(), is_root ? 0755 : 0555);
  const auto before = snapshot(folder.path());
  expect_refusal(serve_in(data, {}, is_root ? kNobody : 0), 1, "Permission denied");
  EXPECT_EQ(snapshot(folder.path()), before);
}

TEST(ConfigProcess, ASecondServerOnTheSameDirectoryIsRefused) {
  ServerProcess first;
  ASSERT_TRUE(first.start());
  const Ended second = serve_in(first.data_dir());
  expect_refusal(second, 1, first.data_dir());
  EXPECT_EQ(first.stop(), 0) << first.log();
}

TEST(ConfigProcess, AStoreOfANewerFormatIsRefusedAndLeftAlone) {
  ServerProcess server({"--segment-size=1MiB"});
  ASSERT_TRUE(server.start());
  ASSERT_EQ(server.stop(), 0);
  make_newer(server.data_dir());
  const auto before = snapshot(server.data_dir());
  expect_refusal(serve_in(server.data_dir()), 1, "newer");
  EXPECT_EQ(snapshot(server.data_dir()), before);
}

TEST(ConfigProcess, APortFileThatCannotBeWrittenIsRefusedBeforeTheDataIsTouched) {
  const Folder folder;
  expect_refusal(serve_in(folder / "data", {"--port-file", folder / "none/port"}), 1, folder / "none/port");
  expect_refusal(serve_in(folder / "data", {"--port-file", "/dev/null"}), 1, "/dev/null");
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
}

TEST(ConfigProcess, DataIsForItsOwnerOnly) {
  const Folder folder;
  ServerProcess server({"--segment-size=1MiB"}, folder / "data");
  ASSERT_TRUE(server.start());
  ASSERT_EQ(server.stop(), 0);
  for (const auto& [path, facts] : snapshot(folder / "data")) {
    struct stat file {};
    ASSERT_EQ(stat(path.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 077, 0U) << path;
  }
}

TEST(ConfigProcess, StopSignalsEndItWithExitCode0) {
  for (const int number : {SIGTERM, SIGINT}) {
    ServerProcess server;
    ASSERT_TRUE(server.start());
    kill(server.pid(), SIGHUP);  // ignored
    kill(server.pid(), number);
    EXPECT_EQ(server.wait(), 0) << server.log();
    EXPECT_THAT(server.log(), HasSubstr("everything is on disk"));
  }
}

TEST(ConfigProcess, APasswordFileWithoutAPasswordIsRefused) {
  const std::string directory = testing::TempDir() + "minikv-password-" + std::to_string(getpid());
  std::filesystem::create_directory(directory);
  const std::string path = directory + "/password", data_dir = directory + "/data";
  expect_refusal(serve_in(data_dir, {"--password-file", path}), 1,
                 path + " can't be read, or is empty: its first line has to be the password");
  std::ofstream(path) << "\nsecond line\n";
  expect_refusal(serve_in(data_dir, {"--password-file", path}), 1,
                 path + ": its first line, which has to be the password, is empty");
  EXPECT_FALSE(std::filesystem::exists(data_dir));
  std::filesystem::remove_all(directory);
}

TEST(ConfigProcess, ThePortFileGoesWithTheServer) {
  ServerProcess server;
  ASSERT_TRUE(server.start());
  const std::string port_file = std::filesystem::path(server.data_dir()).parent_path() / "port";
  EXPECT_EQ(read_file(port_file), fmt::format("{}\n", server.port()));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(port_file));
}

}  // namespace
}  // namespace minikv::test
