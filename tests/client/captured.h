// Streams for a test to write to a program's part and to read from it.
#pragma once

#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/modes.h"

namespace minikv::test {

// Keeps what is written to a FILE.
class CapturedFile {
 public:
  CapturedFile() : file_(open_memstream(&bytes_, &size_)) {}
  ~CapturedFile() {
    std::fclose(file_);
    std::free(bytes_);
  }
  CapturedFile(const CapturedFile&) = delete;
  CapturedFile& operator=(const CapturedFile&) = delete;

  std::FILE* file() { return file_; }
  std::string text() {
    std::fflush(file_);
    return {bytes_, size_};
  }

 private:
  char* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_;
};

struct CapturedOutput {
  CapturedFile out;
  CapturedFile err;
  client::Output output(client::Style style = client::Style::kPeople) {
    return {out.file(), err.file(), style};
  }
};

// A pipe: what the test writes, a StreamInput reads.
class FedInput {
 public:
  explicit FedInput(std::string_view first = {}) {
    if (pipe(ends_) != 0) std::abort();
    write(first);
  }
  ~FedInput() {
    finish();
    ::close(ends_[0]);
  }
  FedInput(const FedInput&) = delete;
  FedInput& operator=(const FedInput&) = delete;

  int fd() const { return ends_[0]; }
  // Up to what a pipe holds (64 KiB) it does not wait for the reader.
  void write(std::string_view bytes) {
    if (::write(ends_[1], bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  void finish() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

// Gives these bytes, and then an error (EIO) in place of an end: a terminal's master, whose other side is
// gone.
class FailingInput {
 public:
  explicit FailingInput(std::string_view bytes) {
    int terminal = -1;
    if (openpty(&master_, &terminal, nullptr, nullptr, nullptr) != 0) std::abort();
    termios settings{};
    tcgetattr(terminal, &settings);
    cfmakeraw(&settings);
    tcsetattr(terminal, TCSANOW, &settings);
    if (::write(terminal, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
    ::close(terminal);
  }
  ~FailingInput() { ::close(master_); }
  FailingInput(const FailingInput&) = delete;
  FailingInput& operator=(const FailingInput&) = delete;

  int fd() const { return master_; }

 private:
  int master_ = -1;
};

}  // namespace minikv::test
