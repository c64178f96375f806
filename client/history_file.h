// The file that keeps typed lines between conversations.
#pragma once

#include <histedit.h>

#include <string>

namespace minikv::client {

// A file of libedit's, readable by its owner only, because values may be secrets. It is replaced whole, so
// that a full disk or another conversation never leaves half a file. A file of another kind at its path is
// left as it is.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class HistoryFile {
 public:
  // An empty path, or /dev/null: no history is kept.
  explicit HistoryFile(std::string path);

  // Returns the problem as text for people, or nothing. A missing file is no problem.
  std::string load(History* history);
  // Does nothing after a load() that had a problem.
  std::string save(History* history) const;

 private:
  // From here on, no history is kept.
  std::string problem(const std::string& what);

  std::string path_;
};

// $MINIKV_HISTORY, else ~/.minikv_history, else empty.
std::string default_history_file();

}  // namespace minikv::client
