// The three ways to use the program. Each connects, does its work and returns the exit code.
#pragma once

#include <span>
#include <string>

#include "client/input.h"
#include "client/lib/connection.h"
#include "client/output.h"

namespace minikv::client {

enum ExitCode : int {
  kExitOk = 0,
  kExitNotFound = 1,
  kExitError = 2,
  kExitCannotConnect = 3,  // nothing was sent
};

// One command; a shell has split its words. `put` takes its value from `input`.
int run_one_shot(Connection& connection, std::span<const std::string> words, StreamInput& input,
                 const Output& output);

// Each line of the input is a command. An error names its line and does not end the run; the exit code is
// that of the worst result. The run ends with kExitError where the position in the input is lost (a `put`
// without its value), where the input can't be read, and where the results can't be written.
int run_pipe(Connection& connection, StreamInput& input, const Output& output);

// A conversation. An error does not end it, and the next command opens a lost connection again. The
// conversation ends with kExitError where run_pipe() does, except that at a terminal a lost position only
// drops the input typed ahead.
int run_repl(Connection& connection, InputSource& input, const Output& output);

// The message when reading ends because the position in the input is lost.
constexpr const char* kPlaceLost = "Nothing more was read: what follows may be the rest of that value.\n";

// The client's own answer to `help` and `help verb`; empty for any other line, and for a verb that only the
// server may know.
std::string local_help(std::string_view verb, std::span<const Word> words);

}  // namespace minikv::client
