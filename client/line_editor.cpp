// libedit's callbacks: prompt, reading a character, completion, and what Ctrl-C does to a line.
#include "client/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cwchar>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "client/history_file.h"
#include "client/terminal_guard.h"

namespace minikv::client {
namespace {

constexpr int kHistoryLines = 1000;

std::string_view common_beginning(const std::vector<std::string_view>& words) {
  std::string_view common = words.front();
  for (std::string_view word : words) {
    const auto [end, ignored] = std::ranges::mismatch(common, word);
    common = {common.begin(), end};
  }
  return common;
}

void tell(const std::string& problem) {
  if (!problem.empty()) fmt::print(stderr, "minikv: {}\n", problem);
}

}  // namespace

struct LineEditor::Edit {
  TerminalGuard guard;  // first to come and last to go
  EditLine* line = nullptr;
  History* history = nullptr;
  HistEvent event{};
  HistoryFile history_file{""};
  const char* prompt = kPrompt;
  bool cancelled = false;
  bool is_garbled = false;  // the line had bytes that are no characters

  ~Edit() {
    if (line != nullptr) el_end(line);
    if (history != nullptr) history_end(history);
  }

  bool init();

  static Edit& of(EditLine* line);
  static char* show_prompt(EditLine* line);
  static int read_character(EditLine* line, wchar_t* character);
  static unsigned char cancel(EditLine* line, int key);
  static unsigned char complete(EditLine* line, int key);
};

LineEditor::Edit& LineEditor::Edit::of(EditLine* line) {
  void* edit = nullptr;
  el_get(line, EL_CLIENTDATA, &edit);
  return *static_cast<Edit*>(edit);
}

char* LineEditor::Edit::show_prompt(EditLine* line) { return const_cast<char*>(of(line).prompt); }

// As libedit's own, but notes bytes that are no characters, which libedit drops silently.
int LineEditor::Edit::read_character(EditLine* line, wchar_t* character) {
  std::mbstate_t state{};
  while (true) {
    char byte = 0;
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got == 0) return 0;
    if (got < 0) {
      if (errno != EINTR && errno != EAGAIN) return -1;
      pollfd ready{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      poll(&ready, 1, -1);
      continue;
    }
    const std::size_t bytes = std::mbrtowc(character, &byte, 1, &state);
    if (bytes == static_cast<std::size_t>(-2)) continue;
    const bool is_character = bytes == 1;  // and not a zero byte, which libedit has another use for
    if (!is_character) of(line).is_garbled = true;
    if (is_character || bytes == 0) return 1;
    state = {};
  }
}

unsigned char LineEditor::Edit::cancel(EditLine* line, int /*key*/) {
  of(line).cancelled = true;
  std::fputs("^C\n", stdout);
  return CC_NEWLINE;
}

unsigned char LineEditor::Edit::complete(EditLine* line, int /*key*/) {
  const LineInfo* info = el_line(line);
  const std::string_view beginning(info->buffer, static_cast<std::size_t>(info->cursor - info->buffer));
  const std::vector<std::string_view> verbs = completions(beginning);
  if (verbs.empty() || info->cursor != info->lastchar) return CC_ERROR;

  std::string rest(common_beginning(verbs).substr(beginning.size()));
  if (verbs.size() == 1) rest += ' ';
  if (!rest.empty()) return el_insertstr(line, rest.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  std::string offer = "\n";
  for (std::string_view verb : verbs) offer += fmt::format("{}  ", verb);
  offer += '\n';
  std::fputs(offer.c_str(), stdout);
  return CC_REDISPLAY;
}

bool LineEditor::Edit::init() {
  line = el_init("minikv", stdin, stdout, stderr);
  history = history_init();
  if (line == nullptr || history == nullptr) return false;
  el_set(line, EL_CLIENTDATA, this);
  el_set(line, EL_PROMPT, &Edit::show_prompt);
  el_set(line, EL_EDITOR, "emacs");
  ::history(history, &event, H_SETSIZE, kHistoryLines);
  ::history(history, &event, H_SETUNIQUE, 1);
  el_set(line, EL_HIST, ::history, history);

  // While a line is edited, Ctrl-C is a key like others; while an answer is awaited, it ends the program.
  el_set(line, EL_SETTY, "-d", "-isig", nullptr);
  // Characters that are typed or pasted meanwhile wait. A terminal in canonical mode (icanon) would drop all
  // of a line but its first 4095 bytes.
  el_set(line, EL_SETTY, "-x", "-icanon", "-echo", nullptr);
  // In wide characters, because libedit never frees the copies that it makes of others.
  el_wset(line, EL_GETCFN, &Edit::read_character);
  el_wset(line, EL_ADDFN, L"minikv-cancel", L"Gives up the line", &Edit::cancel);
  el_wset(line, EL_ADDFN, L"minikv-complete", L"Completes the verb", &Edit::complete);
  el_set(line, EL_BIND, "^C", "minikv-cancel", nullptr);
  el_set(line, EL_BIND, "\t", "minikv-complete", nullptr);
  el_set(line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  return true;
}

LineEditor::LineEditor(std::unique_ptr<Edit> edit) : edit_(std::move(edit)) {}

LineEditor::~LineEditor() { tell(edit_->history_file.save(edit_->history)); }

std::unique_ptr<LineEditor> LineEditor::open(std::string history_file) {
  auto edit = std::make_unique<Edit>();
  edit->history_file = HistoryFile(std::move(history_file));
  if (!edit->init()) return nullptr;
  tell(edit->history_file.load(edit->history));
  return std::unique_ptr<LineEditor>(new LineEditor(std::move(edit)));
}

InputSource::Line LineEditor::read_line(const char* prompt) {
  edit_->prompt = prompt;
  edit_->cancelled = edit_->is_garbled = false;
  int length = 0;
  // libedit itself would do this behind the prompt; characters typed at once would be echoed by the terminal,
  // and by libedit again.
  el_set(edit_->line, EL_PREP_TERM, 1);
  const char* text = el_gets(edit_->line, &length);
  if (edit_->cancelled) return {Line::Kind::kCancelled, {}};
  if (edit_->is_garbled && text != nullptr) {
    std::fputs(
        "This line has bytes that are no characters, and is not used. Any bytes: minikv put key < file\n",
        stdout);
    return {Line::Kind::kCancelled, {}};
  }
  if (text == nullptr && length < 0) {
    return {Line::Kind::kFailed, "the terminal can't be read: " + std::generic_category().message(errno)};
  }
  if (text == nullptr || length <= 0) return {Line::Kind::kEnd, {}};
  std::string line(text, static_cast<std::size_t>(length));
  if (line.ends_with('\n')) line.pop_back();
  return {Line::Kind::kLine, std::move(line)};
}

void LineEditor::remember(const std::string& line) {
  history(edit_->history, &edit_->event, H_ENTER, line.c_str());
}

bool LineEditor::start_over() {
  tcflush(STDIN_FILENO, TCIFLUSH);
  return true;
}

}  // namespace minikv::client
