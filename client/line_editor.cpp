#include "client/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <fmt/format.h>

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

}  // namespace

struct LineEditor::Edit {
  EditLine* line = nullptr;
  History* history = nullptr;
  HistEvent event{};
  std::string history_file;
  const char* prompt = kPrompt;
  bool cancelled = false;

  ~Edit() {
    if (line != nullptr) el_end(line);
    if (history != nullptr) history_end(history);
  }

  bool init();
  void load_history();
  void save_history();

  static Edit& of(EditLine* line);
  static char* show_prompt(EditLine* line);
  static unsigned char cancel(EditLine* line, int key);
  static unsigned char complete(EditLine* line, int key);
};

LineEditor::Edit& LineEditor::Edit::of(EditLine* line) {
  void* edit = nullptr;
  el_get(line, EL_CLIENTDATA, &edit);
  return *static_cast<Edit*>(edit);
}

char* LineEditor::Edit::show_prompt(EditLine* line) { return const_cast<char*>(of(line).prompt); }

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
  // In wide characters, because libedit never frees the copies that it makes of others.
  el_wset(line, EL_ADDFN, L"minikv-cancel", L"Gives up the line", &Edit::cancel);
  el_wset(line, EL_ADDFN, L"minikv-complete", L"Completes the verb", &Edit::complete);
  el_set(line, EL_BIND, "^C", "minikv-cancel", nullptr);
  el_set(line, EL_BIND, "\t", "minikv-complete", nullptr);
  el_set(line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  return true;
}

void LineEditor::Edit::load_history() {
  if (!history_file.empty()) ::history(history, &event, H_LOAD, history_file.c_str());
}

// Values may be secrets: the file is the owner's alone from its first moment on.
void LineEditor::Edit::save_history() {
  if (history_file.empty()) return;
  const int fd = ::open(history_file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const bool is_private = fchmod(fd, 0600) == 0;
  close(fd);
  if (is_private) ::history(history, &event, H_SAVE, history_file.c_str());
}

LineEditor::LineEditor(std::unique_ptr<Edit> edit) : edit_(std::move(edit)) {}

LineEditor::~LineEditor() { edit_->save_history(); }

std::unique_ptr<LineEditor> LineEditor::open(std::string history_file) {
  auto edit = std::make_unique<Edit>();
  edit->history_file = std::move(history_file);
  if (!edit->init()) return nullptr;
  edit->load_history();
  return std::unique_ptr<LineEditor>(new LineEditor(std::move(edit)));
}

InputSource::Line LineEditor::read_line(const char* prompt) {
  edit_->prompt = prompt;
  edit_->cancelled = false;
  int length = 0;
  // libedit would show the prompt first: what is typed at once would be echoed by the terminal, and by libedit again.
  el_set(edit_->line, EL_PREP_TERM, 1);
  const char* text = el_gets(edit_->line, &length);
  if (edit_->cancelled) return {Line::Kind::kCancelled, {}};
  if (text == nullptr || length <= 0) return {Line::Kind::kEnd, {}};
  std::string line(text, static_cast<std::size_t>(length));
  if (line.ends_with('\n')) line.pop_back();
  return {Line::Kind::kLine, std::move(line)};
}

void LineEditor::remember(const std::string& line) {
  history(edit_->history, &edit_->event, H_ENTER, line.c_str());
}

std::string default_history_file() {
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? std::string() : std::string(home) + "/.minikv_history";
}

}  // namespace minikv::client
