// A start of minikvd that is expected to end by itself: its exit code and what it said.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace minikv::test {

struct Ended {
  int exit_code = 0;  // -N: ended by signal N
  std::string out;
  std::string err;
};

struct Start {
  std::vector<std::string> arguments;
  std::vector<std::string> environment = {};  // NAME=value; all that there is
  uid_t user = 0;  // not 0: becomes this user first, for which the test must be root
};

// Returns when it has ended; a start that takes more than a minute is killed.
Ended run_minikvd_to_end(const Start& start);

// A directory for one test, which every user may look into.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_file(const std::string& path, const std::string& text);
std::string read_file(const std::string& path);

// Each file and folder below `path`: its mode, time of change and content. To see that nothing was touched.
std::map<std::string, std::string> snapshot(const std::string& path);

}  // namespace minikv::test
