// A person at a terminal: line editing, history and completion, by libedit.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/input.h"

namespace minikv::client {

// Ctrl-C gives up the line; Ctrl-D on an empty one is the end. Tab completes the verb. The history is kept in
// a HistoryFile; its problems are reported on stderr.
//
// Thread safety: one object at a time in the program, used by one thread.
class LineEditor : public InputSource {
 public:
  // Reads stdin and writes stdout, which must be terminals. Without a `history_file` (empty) history ends
  // with the object. Null if libedit can't work with this terminal.
  static std::unique_ptr<LineEditor> open(std::string history_file);

  ~LineEditor() override;
  Line read_line(const char* prompt) override;
  // Drops what has been typed ahead.
  bool start_over() override;
  void remember(const std::string& line) override;

 private:
  struct Edit;
  explicit LineEditor(std::unique_ptr<Edit> edit);
  std::unique_ptr<Edit> edit_;
};

// The verbs, in byte order, that the beginning of a line can be completed to; none if it has a space.
std::vector<std::string_view> completions(std::string_view beginning);

}  // namespace minikv::client
