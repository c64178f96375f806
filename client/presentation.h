// Replies as people read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/lib/reply.h"
#include "client/lib/request.h"

namespace minikv::client {

// The outcome of a command; the values are the program's exit codes.
enum class Verdict : std::uint8_t { kOk = 0, kNotFound = 1, kFailed = 2 };

struct Presentation {
  std::string text;  // with its line ends
  Verdict verdict = Verdict::kOk;
  bool is_message = false;  // it says why there is no result, and is none itself
  std::string note{};       // for stderr, beside a result that goes to a program
};

enum class Style : std::uint8_t {
  kPeople,
  // A value is its bytes and nothing else; names stand alone, one a line; lines of text are as they came.
  kRaw,
};

Presentation present(const Request& request, const Reply& reply, Style style);

// "Error: message (CODE)" and a line end; either may be empty.
std::string error_line(std::string_view code, std::string_view message);

// The commands that the client knows, with a line about each; or all about one of them, empty if it is
// unknown.
std::string help_overview();
std::string help_for(std::string_view verb);

// The command that gets the rest of a reply with `more`. Empty if the client knows none.
std::string continuation(const Request& request, const Reply& reply);

// Two aligned columns. A left cell longer than `left_max` has a line of its own; without a right one it
// stands alone.
struct Row {
  std::string left;
  std::string right;
};
std::string format_table(std::span<const Row> rows, std::size_t left_max);

}  // namespace minikv::client
