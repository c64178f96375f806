// A server was killed, and its directory is an unfinished copy: the log is shorter than it was made.
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/line.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace fs = std::filesystem;

struct Ran {
  int exit_code = -1;
  std::string out;
};

Ran run(const std::string& command) {
  Ran ran;
  FILE* const pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return ran;
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
    ran.out.append(buffer, got);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) ran.exit_code = WEXITSTATUS(status);
  return ran;
}

TEST(ShortFileTest, AnUnfinishedCopyIsRefusedAndVerifyAndRepairSayWhatItCosts) {
  ServerProcess server;
  ASSERT_TRUE(server.start());
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(Line(server.port()).ask(fmt::format("set key{} value{}", i, i)).value_or(""), "+OK");
  server.kill9();
  const std::string whole = server.data_dir() + ".whole";
  const std::string repaired = server.data_dir() + ".repaired";
  fs::copy(server.data_dir(), whole);
  const std::string log = server.data_dir() + "/segment-00000001.dat";
  const auto length = fs::file_size(log);
  fs::resize_file(log, 688);

  EXPECT_FALSE(server.start());
  EXPECT_THAT(server.log(), HasSubstr("segment-00000001.dat: has 688 bytes, and the manifest knows of"));
  EXPECT_THAT(server.log(), HasSubstr(std::to_string(length)));
  EXPECT_THAT(server.log(), HasSubstr("minikvd repair"));
  EXPECT_EQ(fs::file_size(log), 688U) << "it was left as it was";

  const std::string minikvd = program_path("minikvd");
  const Ran verify = run(fmt::format("'{}' verify '{}' 2>&1", minikvd, server.data_dir()));
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.out, Not(HasSubstr("No damage")));
  EXPECT_THAT(verify.out, HasSubstr("the file has 688 bytes"));
  EXPECT_THAT(verify.out, HasSubstr(" and on"));
  EXPECT_THAT(verify.out, HasSubstr("minikvd refuses to open this store"));

  const Ran repair = run(fmt::format("'{}' repair '{}' '{}' 2>&1", minikvd, server.data_dir(), repaired));
  EXPECT_EQ(repair.exit_code, 1);
  EXPECT_THAT(repair.out, HasSubstr("may have an older value than they should"));
  {
    ServerProcess saved({}, repaired);
    ASSERT_TRUE(saved.start());
    EXPECT_THAT(Line(saved.port()).ask("get key0").value_or(""), StartsWith("+VALUE"));
    EXPECT_EQ(saved.stop(), 0);
  }
  // The copy is finished.
  fs::copy(whole + "/segment-00000001.dat", log, fs::copy_options::overwrite_existing);
  ASSERT_TRUE(server.start());
  for (int i = 0; i < 100; ++i)
    EXPECT_THAT(Line(server.port()).ask(fmt::format("get key{}", i)).value_or(""), StartsWith("+VALUE")) << i;
  EXPECT_EQ(server.stop(), 0);
  fs::remove_all(whole);
  fs::remove_all(repaired);
}

}  // namespace
}  // namespace minikv::test
