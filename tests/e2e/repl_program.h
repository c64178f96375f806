// Runs the real minikv, as a shell or a person would.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace minikv::test {

struct RunResult {
  int exit_code = -1;  // -N: ended by signal N
  std::string out;
  std::string err;
};

// `minikv arguments...` with these bytes on stdin, which is a file. The variables of minikv are unset, unless
// `environment` ("NAME=value") says otherwise.
RunResult run_minikv(std::vector<std::string> arguments, std::string_view input = {},
                     std::vector<std::string> environment = {});

// A shell's script, in which $minikv and $minikvd are the programs.
RunResult run_script(const std::string& script, std::vector<std::string> environment);

// Empty where a pseudo-terminal can be opened, otherwise why not: a root without /dev/pts has none.
std::string why_no_terminal();

// `minikv arguments...` at a terminal of its own. Where there is none, the program ends.
class Terminal {
 public:
  Terminal(std::vector<std::string> arguments, std::vector<std::string> environment);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  pid_t pid() const { return pid_; }
  // As a terminal is outside of programs that edit lines.
  bool gathers_and_echoes() const;
  // Presses these keys. Waits for the program if they are more than the terminal keeps.
  void type(std::string_view keys);
  // Waits until what was shown since the last call ends in `text`; gives up after 30 s or when the program
  // ends. What was shown since the last call, with LF for the terminal's CR LF.
  std::string shown_until(std::string_view text);
  // Waits for the program's end. What was shown since the last call.
  std::string shown_until_end();
  // After shown_until_end().
  int exit_code() const { return exit_code_; }

 private:
  bool read_some();

  int fd_ = -1;
  pid_t pid_ = -1;
  int exit_code_ = -1;
  std::string shown_;
};

}  // namespace minikv::test
