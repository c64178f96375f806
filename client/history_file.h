// Where the lines that were typed are kept between conversations.
#pragma once

#include <histedit.h>

#include <string>

namespace minikv::client {

// A file of libedit's, readable by its owner only, because values may be secrets. It is replaced whole, so
// that a full disk or another conversation never leaves half of one. What is in its place and is no such file
// is left as it is.
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class HistoryFile {
 public:
  // An empty path, or /dev/null: none is kept.
  explicit HistoryFile(std::string path);

  // The problem, for people; empty if there is none. A file that is not there yet is none.
  std::string load(History* history);
  // Does nothing after a load() that had a problem.
  std::string save(History* history) const;

 private:
  // Keeps none from now on.
  std::string problem(const std::string& what);

  std::string path_;
};

// $MINIKV_HISTORY, else ~/.minikv_history, else empty.
std::string default_history_file();

}  // namespace minikv::client
