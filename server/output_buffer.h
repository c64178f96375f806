// The replies of a connection that its client has not taken yet.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace minikv::server {

// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class OutputBuffer {
 public:
  // Replies are appended here.
  std::string& bytes() { return bytes_; }

  bool empty() const { return sent_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - sent_; }
  std::string_view unsent() const { return std::string_view(bytes_).substr(sent_); }

  void mark_sent(std::size_t count) {
    sent_ += count;
    if (empty()) {
      bytes_.clear();
      sent_ = 0;
      if (bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();
    } else if (sent_ > kWorthMovingBytes && sent_ > bytes_.size() / 2) {
      bytes_.erase(0, sent_);
      sent_ = 0;
    }
  }

 private:
  static constexpr std::size_t kKeptBytes = 16 * 1024;  // of an idle connection
  static constexpr std::size_t kWorthMovingBytes = 1024 * 1024;

  std::string bytes_;
  std::size_t sent_ = 0;
};

}  // namespace minikv::server
