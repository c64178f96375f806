// What the tests of the three modes have in common: a server that follows a script, and what a mode printed.
#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "client/modes.h"
#include "tests/client/captured.h"
#include "tests/client/fake_server.h"

namespace minikv::client {

inline Connection patient_connection(const test::FakeServer& server) {
  return Connection({"127.0.0.1", server.port()}, {});
}

// Expects each line and gives the answer beside it.
inline test::FakeServer::Script conversation(std::vector<std::pair<std::string, std::string>> exchanges,
                                             bool stays = true) {
  return [exchanges = std::move(exchanges), stays](test::Peer& peer) {
    for (const auto& [line, answer] : exchanges) {
      EXPECT_EQ(peer.read_line(), line);
      peer.send(answer);
    }
    if (stays) {
      EXPECT_EQ(peer.read_all(), "");
    }
  };
}

struct Ran {
  int exit_code;
  std::string out;
  std::string err;
};

// Where nothing more can be written.
class FullFile {
 public:
  FullFile() : file_(std::fopen("/dev/full", "we")) {}
  ~FullFile() { std::fclose(file_); }
  FullFile(const FullFile&) = delete;
  FullFile& operator=(const FullFile&) = delete;
  std::FILE* file() { return file_; }

 private:
  std::FILE* file_;
};

}  // namespace minikv::client
