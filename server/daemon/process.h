// What minikvd asks of the operating system for itself: limits, permissions, and a word to systemd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "minikv/status.h"

namespace minikv::server {

// To be called before anything is opened: a descriptor of 0 to 2 that is closed would be given to the next
// file, and the log would be written into it. What is put in place of standard input and output can be
// neither read nor written, so that a result that can't be had is an error; in place of standard error,
// /dev/null. False, with errno, if there is no descriptor to be had.
bool hold_standard_descriptors();

// Once, before there are threads: raises the limit of open files to the hard one, has writes to a closed
// connection and beyond a limit of file sizes fail instead of ending the process (SIGPIPE, SIGXFSZ), and sets
// the umask so that files are for their owner only.
void prepare_process();

// How many files the process may have open.
std::uint64_t open_files_limit();
// How many it has; about, where /proc is not there.
std::uint64_t open_files_now();

// sd_notify(3): lines of NAME=value. Does nothing where nobody listens.
void notify_supervisor(const std::string& state);

// A file that holds the port while the server serves; removed with the object. An empty path: no file.
class PortFile {
 public:
  explicit PortFile(std::string path) : path_(std::move(path)) {}
  ~PortFile();
  PortFile(const PortFile&) = delete;
  PortFile& operator=(const PortFile&) = delete;

  // Whether prepare() has a chance; touches nothing. What is there already may be written over only if it is
  // empty, or a port and a line end and nothing else, as a run that was killed leaves it: kInvalidArgument
  // otherwise.
  Status check() const;
  // Writes all of it to a file beside it, so that publish() takes no room any more.
  Status prepare(std::uint16_t port);
  // After prepare() only. The file appears whole: readers find the port with a line end, or what was there
  // before. check() is asked once more.
  Status publish();

 private:
  Status failed(std::string_view what) const;

  // Whether the file at the path is the one that prepare() has made.
  bool is_ours() const;

  std::string path_;
  std::string temporary_;  // what prepare() has made; empty: nothing, or it is published
  bool written_ = false;
  dev_t device_ = 0;  // of what was written
  ino_t inode_ = 0;
};

}  // namespace minikv::server
