// What minikvd asks of the operating system for itself: limits, permissions, and a word to systemd.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "minikv/status.h"

namespace minikv::server {

// Once, before anything else: makes sure that descriptors 0 to 2 are open (or the next file would become
// stderr, and the log would be written into it), raises the limit of open files to the hard one, ignores
// SIGPIPE, and sets the umask so that files are for their owner only.
void prepare_process();

// How many files the process may have open.
std::uint64_t open_files_limit();

// sd_notify(3): lines of NAME=value. Does nothing where nobody listens.
void notify_supervisor(const std::string& state);

// A file that holds the port while the server serves; removed with the object. An empty path: no file.
class PortFile {
 public:
  explicit PortFile(std::string path) : path_(std::move(path)) {}
  ~PortFile();
  PortFile(const PortFile&) = delete;
  PortFile& operator=(const PortFile&) = delete;

  // Whether write() has a chance; touches nothing.
  Status check() const;
  // The file appears whole: readers find the port with a line end, or no such file.
  Status write(std::uint16_t port);

 private:
  Status failed(std::string_view what) const;

  std::string path_;
  bool written_ = false;
};

}  // namespace minikv::server
