// What minikvd asks of the operating system for itself: limits, permissions, and a word to systemd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "minikv/status.h"

namespace minikv::server {

// Opens those of the descriptors 0 to 2 that are closed: otherwise the next file would get such a descriptor,
// and the log would be written into it. The replacement of standard input and output can be neither read nor
// written, so that a result that can't be had is an error; that of standard error is /dev/null. To be called
// before anything is opened. False, with errno, if there is no descriptor to be had.
bool hold_standard_descriptors();

// To be called once, before there are threads. Raises the limit of open files to the hard one, and sets the
// umask so that files are for their owner only. Ignores SIGPIPE and SIGXFSZ: writes to a closed connection
// and beyond a limit of file sizes then fail, and do not end the process.
void prepare_process();

// How many files the process may have open.
std::uint64_t open_files_limit();
// How many files the process has open; a guess if /proc is not there.
std::uint64_t open_files_now();

// sd_notify(3): lines of NAME=value. Does nothing if no supervisor listens.
void notify_supervisor(const std::string& state);

// A file that holds the port while the server serves; removed with the object. An empty path: no file.
class PortFile {
 public:
  explicit PortFile(std::string path) : path_(std::move(path)) {}
  ~PortFile();
  PortFile(const PortFile&) = delete;
  PortFile& operator=(const PortFile&) = delete;

  // Whether prepare() has a chance; touches nothing. A file that is there already may be written over only if
  // it is empty, or holds a port and a line end and nothing else, as a run that was killed leaves it.
  // Otherwise kInvalidArgument.
  Status check() const;
  // Writes the port to a temporary file beside the path, so that publish() takes no room any more.
  Status prepare(std::uint16_t port);
  // To be called after prepare() only. The file appears whole: readers find the port with a line end, or what
  // was there before. Calls check() once more.
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
