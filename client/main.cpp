// The program: one command, a pipe or a conversation, by arguments and terminals.
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <exception>
#include <memory>

#include "client/command_line.h"
#include "client/line_editor.h"
#include "client/modes.h"
#include "client/standard_streams.h"

namespace {

using namespace minikv::client;

// libedit takes bytes above 0x7f only in a locale that has them.
void choose_locale() {
  const char* locale = std::setlocale(LC_CTYPE, "");
  if (locale == nullptr || MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

int converse(Connection& connection, const std::string& history_file, const Output& output) {
  if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
    choose_locale();
    if (const std::unique_ptr<LineEditor> editor = LineEditor::open(history_file)) {
      return run_repl(connection, *editor, output);
    }
  }
  StreamInput plain(STDIN_FILENO, &output);
  return run_repl(connection, plain, output);
}

int talk(const CommandLine& line, const Output& output) {
  Connection connection(line.endpoint, line.timeouts);
  StreamInput input(STDIN_FILENO);
  if (!line.words.empty()) return run_one_shot(connection, line.words, input, output);
  if (line.interactive || isatty(STDIN_FILENO) == 1) return converse(connection, line.history_file, output);
  return run_pipe(connection, input, output);
}

int run(int argc, char** argv) {
  if (!hold_standard_descriptors()) {
    std::perror("minikv: standard input, output and error can't all be opened");
    return kExitError;
  }
  const auto parsed = parse_command_line(argc, argv);
  const auto* line = std::get_if<CommandLine>(&parsed);
  const Output output{stdout, stderr, line != nullptr && line->raw ? Style::kRaw : Style::kPeople};
  const int exit_code = line != nullptr ? talk(*line, output) : std::get<int>(parsed);
  return output.close() ? exit_code : kExitError;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "minikv: %s\n", error.what());
  }
  return kExitError;
}
