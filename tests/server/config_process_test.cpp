// The real minikvd, and what it does with what it is told: bad input is one clear line on stderr, an exit
// code that is not 0, and nothing touched.
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

TEST(ConfigProcessTest, UnknownSettingsAreRefusedWherever) {
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

TEST(ConfigProcessTest, ValuesOutOfRangeAreRefusedWherever) {
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

TEST(ConfigProcessTest, CheckConfigAnswersAndTouchesNothing) {
  const Folder folder;
  const TakenPort taken;
  const auto before = snapshot(folder.path());
  const auto ended = run_minikvd_to_end({.arguments = {"--data-dir", folder / "data", "--check-config",
                                                       "--port", fmt::format("{}", taken.port())}});
  EXPECT_EQ(snapshot(folder.path()), before);
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
  expect_refusal(run_minikvd_to_end({.arguments = {"--check-config", "--fsync=often"}}), 1,
                 "--fsync=often is not always, interval or never");
}

// What a start would find out before it touches port and data.
TEST(ConfigProcessTest, CheckConfigFindsWhatAStartWould) {
  const Folder folder;
  write_file(folder / "file", "a file");
  write_file(folder / "empty", "");
  std::filesystem::create_symlink("nowhere", folder / "link");
  const auto check = [&](std::vector<std::string> flags, uid_t user = 0) {
    flags.insert(flags.begin(), {"--check-config", "--data-dir", folder / "data"});
    return run_minikvd_to_end({.arguments = std::move(flags), .environment = {}, .user = user});
  };
  const auto before = snapshot(folder.path());
  expect_refusal(check({"--password-file", folder / "none"}), 1,
                 "password_file " + (folder / "none") + " can't be read: No such file or directory");
  expect_refusal(check({"--password-file", folder.path()}), 1, "can't be read: Is a directory");
  expect_refusal(check({"--password-file", folder / "empty"}), 1,
                 "its first line, which has to be the password");
  expect_refusal(check({"--password-file", "/dev/zero"}), 1, "the password is longer than");
  expect_refusal(check({"--port-file", folder / "none/port"}), 1, folder / "none/port");
  expect_refusal(check({"--data-dir", folder / "file"}), 1,
                 "can't be used: " + (folder / "file") + " is no directory");
  expect_refusal(check({"--data-dir", folder / "file/data"}), 1, "Not a directory");
  expect_refusal(check({"--data-dir", folder / "link/data"}), 1,
                 (folder / "link") + " is a symbolic link to nothing");
  expect_refusal(check({"--bind", "no.such.host.invalid"}), 1, "cannot bind to no.such.host.invalid: ");
  expect_refusal(check({"--bind", "192.0.2.1"}), 1, "this machine has no such address");
  expect_refusal(check({"--bind", "127.0.0.1,127.0.0.1"}), 1, "bind names 127.0.0.1 twice: leave one out");
  expect_refusal(check({"--bind", "127.0.0.1,0.0.0.0"}), 1,
                 "bind names 0.0.0.0, which is every IPv4 address, and 127.0.0.1 beside it: leave one out");
  EXPECT_EQ(check({"--bind", "127.0.0.1,127.0.0.2"}).exit_code, 0);
  EXPECT_EQ(check({"--data-dir", folder / "a/b/c/"}).exit_code, 0);
  EXPECT_EQ(snapshot(folder.path()), before);
  if (geteuid() != 0) return;
  expect_refusal(check({}, kNobody), 1,
                 "may not be made in " + folder.path() + " by this user: Permission denied");
  expect_refusal(check({"--data-dir", folder.path()}, kNobody), 1,
                 "may not be read and written by this user");
  expect_refusal(
      check({"--data-dir", "/tmp/none", "--port", "80"}, kNobody), 1,
      "cannot bind to 127.0.0.1:80: Permission denied: a port below 1024 takes root or CAP_NET_BIND_SERVICE");
}

TEST(ConfigProcessTest, TheSampleConfigurationIsFine) {
  const auto ended = run_minikvd_to_end(
      {.arguments = {"--config", MINIKV_SOURCE_DIR "/conf/minikv.json", "--check-config"}});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
}

TEST(ConfigProcessTest, HelpVersionAndPrintConfigAnswerOnStdout) {
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

TEST(ConfigProcessTest, APortInUseIsRefusedBeforeTheDataIsTouched) {
  const Folder folder;
  const TakenPort taken;
  const std::string port = fmt::format("{}", taken.port());
  expect_refusal(
      serve_in(folder / "data", {"--port", port}), 1,
      "cannot bind to 127.0.0.1:" + port + ": Address already in use: another program has that port");
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
}

TEST(ConfigProcessTest, AnAddressThatIsNotOursIsRefusedBeforeTheDataIsTouched) {
  const Folder folder;
  expect_refusal(serve_in(folder / "data", {"--bind", "192.0.2.1"}), 1,  // TEST-NET-1: nobody's
                 "this machine has no such address (ip addr shows those it has): correct --bind");
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
}

TEST(ConfigProcessTest, AnAddressThatIsNamedTwiceIsNotTakenForAnotherPrograms) {
  const Folder folder;
  const std::string data = folder / "data";
  expect_refusal(serve_in(data, {"--bind", "127.0.0.1,127.0.0.1"}), 1,
                 "bind names 127.0.0.1 twice: leave one out");
  expect_refusal(serve_in(data, {"--bind", "127.0.0.1,127.1"}), 1,
                 "bind names the same address twice, as 127.0.0.1 and as 127.1: leave one out");
  expect_refusal(serve_in(data, {"--bind", "0.0.0.0,127.0.0.1"}), 1,
                 "bind names 0.0.0.0, which is every IPv4 address");
  EXPECT_FALSE(std::filesystem::exists(data));
}

TEST(ConfigProcessTest, APortThatTakesAPrivilegeIsSaidToTakeOne) {
  if (geteuid() != 0) GTEST_SKIP() << "takes root, to become another user";
  expect_refusal(serve_in("/tmp/none", {"--port", "80"}, kNobody), 1, "choose another --port, or see");
}

TEST(ConfigProcessTest, ADirectoryWithForeignFilesIsRefusedAndLeftAlone) {
  const Folder folder;
  write_file(folder / "thesis.txt", "the only copy");
  const auto before = snapshot(folder.path());
  expect_refusal(serve_in(folder.path()), 1, folder.path());
  EXPECT_EQ(snapshot(folder.path()), before);
}

TEST(ConfigProcessTest, AFileInTheDirectorysPlaceIsRefused) {
  const Folder folder;
  write_file(folder / "file", "a file");
  const auto before = snapshot(folder.path());
  expect_refusal(serve_in(folder / "file"), 1, folder / "file");
  expect_refusal(serve_in(folder / "file/data"), 1, folder / "file");
  EXPECT_EQ(snapshot(folder.path()), before);
}

TEST(ConfigProcessTest, ADirectoryThatMayNotBeWrittenIsRefused) {
  const Folder folder;
  const std::string data = folder / "data";
  const bool is_root = geteuid() == 0;
  std::filesystem::create_directory(data);
  chmod(data.c_str(), is_root ? 0755 : 0555);
  const auto before = snapshot(folder.path());
  expect_refusal(serve_in(data, {}, is_root ? kNobody : 0), 1, "Permission denied");
  EXPECT_EQ(snapshot(folder.path()), before);
}

TEST(ConfigProcessTest, ASecondServerOnTheSameDirectoryIsRefused) {
  ServerProcess first;
  ASSERT_TRUE(first.start());
  const Ended second = serve_in(first.data_dir());
  expect_refusal(second, 1, first.data_dir());
  EXPECT_EQ(first.stop(), 0) << first.log();
}

TEST(ConfigProcessTest, AStoreOfANewerFormatIsRefusedAndLeftAlone) {
  ServerProcess server({"--segment-size=1MiB"});
  ASSERT_TRUE(server.start());
  ASSERT_EQ(server.stop(), 0);
  make_newer(server.data_dir());
  const auto before = snapshot(server.data_dir());
  expect_refusal(serve_in(server.data_dir()), 1, "newer");
  EXPECT_EQ(snapshot(server.data_dir()), before);
}

TEST(ConfigProcessTest, APortFileThatCannotBeWrittenIsRefusedBeforeTheDataIsTouched) {
  const Folder folder;
  expect_refusal(serve_in(folder / "data", {"--port-file", folder / "none/port"}), 1, folder / "none/port");
  expect_refusal(serve_in(folder / "data", {"--port-file", "/dev/null"}), 1, "/dev/null");
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
}

TEST(ConfigProcessTest, APasswordThatIsForgottenDoesNotLeaveTheServerOpen) {
  const Folder folder;
  const auto serve = [&](std::vector<std::string> variables, std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"--port", "0", "--data-dir", folder / "data"});
    return run_minikvd_to_end({.arguments = flags, .environment = std::move(variables)});
  };
  expect_refusal(serve({"MINIKV_PASSWORD="}), 2, "MINIKV_PASSWORD is empty: fill it in, or unset it");
  expect_refusal(serve({"MINIKV_PASSWORD_FILE="}), 2,
                 "MINIKV_PASSWORD_FILE= is empty: fill it in, or leave it out");
  expect_refusal(serve({}, {"--password-file", ""}), 2,
                 "--password-file= is empty: fill it in, or leave it out");
  expect_refusal(serve({"MINIKV_PASSWORD=a", "MINIKV_PASSWORD_FILE=b"}), 2,
                 "MINIKV_PASSWORD and MINIKV_PASSWORD_FILE are both set: unset one of them");
  expect_refusal(serve({"MINIKV_PASSWORD=" + std::string(20'000, 'p')}), 1,
                 "MINIKV_PASSWORD: the password is longer than");
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
}

TEST(ConfigProcessTest, APasswordFileWithoutAPasswordIsRefused) {
  const std::string directory = testing::TempDir() + "minikv-password-" + std::to_string(getpid());
  std::filesystem::create_directory(directory);
  const std::string path = directory + "/password", data_dir = directory + "/data";
  expect_refusal(serve_in(data_dir, {"--password-file", path}), 1,
                 path + " can't be read: No such file or directory");
  std::ofstream(path) << "\nsecond line\n";
  expect_refusal(serve_in(data_dir, {"--password-file", path}), 1,
                 path + ": its first line, which has to be the password, is empty");
  EXPECT_FALSE(std::filesystem::exists(data_dir));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace minikv::test
