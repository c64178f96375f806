// Behaviour as scripts: requests, and the exact replies to them.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace minikv::server {

// A script is lines:
//
//   # a comment
//   > get name            a request in text, sent with CR LF behind it
//   >> put k 2\r\nhi\n    bytes to be sent as they are, escapes (\r \n \t \\ \xHH) decoded
//   r> SET name "a b"     a request in RESP, its arguments separated by spaces, quoted where needed
//   < +VALUE 5 {v}        the reply, one line each, without line ends; escapes decoded
//
// `{name}` in a reply stands for a number, which has to be the same wherever the name stands again; in a
// request it is replaced by that number. `{*}` stands for anything to the end of the line.
struct ScriptStep {
  std::size_t line = 0;  // of the script
  std::string request;   // the line as it stands there; substitute() makes bytes of it
  std::vector<std::string> replies;
};

struct Script {
  std::vector<ScriptStep> steps;
  bool uses_variables = false;  // in requests, so that they can't be sent before there are replies
};

Script load_script(const std::string& path);

// Numbers by name.
using ScriptVariables = std::map<std::string, std::string>;
// The bytes to be sent.
std::string substitute(const std::string& request, const ScriptVariables& variables);
// Whether a line that came is the one that was expected; learns variables.
bool reply_matches(const std::string& expected, const std::string& actual, ScriptVariables& variables);

}  // namespace minikv::server
