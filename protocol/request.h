// A parsed request, of either dialect.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command_table.h"

namespace minikv::protocol {

enum class Dialect : std::uint8_t { kText, kResp };

// One argument. `quoted`: written as a quoted string in the text dialect, so that it is never taken for an
// option word.
struct Arg {
  std::string_view bytes;
  bool quoted = false;
};

// A request that is whole and whose verb, subcommand and number of arguments are right. Options within the
// arguments are checked by the command's handler.
//
// Memory: the views point into the buffer handed to the parser, or into the parser; they hold until its next
// call.
struct Request {
  Dialect dialect = Dialect::kText;
  const CommandSpec* command = nullptr;  // where there are subcommands, the subcommand
  std::string_view verb;                 // as the client wrote it
  std::string_view subcommand;           // the same; empty where there is none
  std::vector<Arg> args;  // without verb and subcommand; for the text `put`: key, value, options...
};

// A Request with arguments that are kept elsewhere.
struct RequestView {
  // NOLINTNEXTLINE(google-explicit-constructor): a request is seen as it is
  RequestView(const Request& request)
      : dialect(request.dialect),
        command(request.command),
        verb(request.verb),
        subcommand(request.subcommand),
        args(request.args) {}
  RequestView(Dialect in, const CommandSpec* what, std::string_view as, std::string_view sub,
              std::span<const Arg> with)
      : dialect(in), command(what), verb(as), subcommand(sub), args(with) {}

  Dialect dialect;
  const CommandSpec* command;
  std::string_view verb, subcommand;
  std::span<const Arg> args;
};

}  // namespace minikv::protocol
