#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <exception>
#include <memory>

#include "client/command_line.h"
#include "client/line_editor.h"
#include "client/modes.h"

namespace {

using namespace minikv::client;

// libedit takes bytes above 0x7f only in a locale that has them.
void choose_locale() {
  const char* locale = std::setlocale(LC_CTYPE, "");
  if (locale == nullptr || MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

int converse(Connection& connection, const Output& output) {
  if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
    choose_locale();
    if (const std::unique_ptr<LineEditor> editor = LineEditor::open(default_history_file())) {
      return run_repl(connection, *editor, output);
    }
  }
  StreamInput plain(STDIN_FILENO, stdout);
  return run_repl(connection, plain, output);
}

int run(int argc, char** argv) {
  const auto parsed = parse_command_line(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const auto& line = std::get<CommandLine>(parsed);
  Connection connection(line.endpoint, line.timeouts);
  const Output output{stdout, stderr, line.raw ? Style::kRaw : Style::kPeople};
  StreamInput input(STDIN_FILENO);

  if (!line.words.empty()) return run_one_shot(connection, line.words, input, output);
  if (line.interactive || isatty(STDIN_FILENO) == 1) return converse(connection, output);
  return run_pipe(connection, input, output);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int exit_code = run(argc, argv);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
    std::perror("minikv: writing the result");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "minikv: %s\n", error.what());
  }
  return kExitError;
}
