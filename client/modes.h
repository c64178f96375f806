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

// One command, whose words a shell has split. `put` takes its value from `input`.
int run_one_shot(Connection& connection, std::span<const std::string> words, StreamInput& input,
                 const Output& output);

// Each line of the input is a command. Errors name the line and do not end it; the exit code tells of the
// worst. It ends where the place in the input is lost (a `put` without its value), and where the input can't
// be read or the results can't be written; that is kExitError.
int run_pipe(Connection& connection, StreamInput& input, const Output& output);

// A conversation. Errors are part of it; a lost connection is made anew at the next command. It ends with
// kExitError where run_pipe() does, but for a person who has lost the place: what was typed ahead is dropped.
int run_repl(Connection& connection, InputSource& input, const Output& output);

// Said where the input ends because its place is lost.
constexpr const char* kPlaceLost = "Nothing more was read: what follows may be the rest of that value.\n";

// What `help` and `help verb` say without asking a server; empty for any other line, and for a verb that only
// the server may know.
std::string local_help(std::string_view verb, std::span<const Word> words);

}  // namespace minikv::client
