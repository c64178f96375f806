// Where the password comes from, and what is no place for it.
#include "client/credentials.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minikv::client {
namespace {

using testing::HasSubstr;

class CredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = testing::TempDir() + "minikv-credentials-" + std::to_string(getpid());
    std::filesystem::create_directory(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  // A file with this in it.
  std::string file(std::string_view content) {
    const std::string path = folder + "/password";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::string password_in(const std::string& path) {
    const auto found = find_credentials("", path);
    const auto* none = std::get_if<NoCredentials>(&found);
    return none == nullptr ? std::get<Credentials>(found).password : "none: " + none->why;
  }

  std::string folder;
};

TEST_F(CredentialsTest, ThePasswordIsTheFirstLine) {
  EXPECT_EQ(password_in(file("secret\nsecond\n")), "secret");
  EXPECT_EQ(password_in(file("secret")), "secret");
  EXPECT_EQ(password_in(file("se cret\r\n")), "se cret");
}

TEST_F(CredentialsTest, WhatCannotBeReadIsNoPassword) {
  EXPECT_EQ(password_in(folder),
            "none: --password-file: the password can't be read from '" + folder + "': Is a directory");
  EXPECT_THAT(password_in(folder + "/none"), HasSubstr("No such file or directory"));
  EXPECT_THAT(password_in(file("")), HasSubstr("its first line is empty"));
  EXPECT_THAT(password_in(file("\nsecret\n")), HasSubstr("its first line is empty"));
  EXPECT_THAT(password_in("/dev/zero"), HasSubstr("longer than any password"));
}

TEST_F(CredentialsTest, APipeWillDo) {
  const std::string path = folder + "/pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path) << "sec" << std::flush << "ret\n"; });
  EXPECT_EQ(password_in(path), "secret");
  writer.join();
}

}  // namespace
}  // namespace minikv::client
