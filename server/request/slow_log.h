// The commands that took long.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "protocol/request.h"

namespace minikv::server {

// The words of a request that the slow log would show: at most 32 words, and 128 bytes of each, as in Redis.
// A summary is kept until it is known whether the request was slow. Passwords are not kept. The summary of a
// short request takes no memory beside the object.
// Thread safety: as a std::string.
class RequestSummary {
 public:
  RequestSummary() = default;
  explicit RequestSummary(const protocol::Request& request) { assign(request); }

  // Throws std::bad_alloc, and is empty then.
  void assign(const protocol::Request& request);
  // The verb first, as the client wrote it; the last word, or the end of a word, says how much was left out.
  std::vector<std::string> words() const;
  bool is_empty() const { return size_ == 0; }
  // The memory beside the object itself.
  std::size_t bytes() const { return block_ ? size_ : 0; }

 private:
  // The length and the first bytes of each word.
  std::string_view kept() const { return {block_ ? block_.get() : inline_.data(), size_}; }

  std::size_t size_ = 0;
  std::size_t left_out_ = 0;
  std::unique_ptr<char[]> block_;  // null: inline_ has it
  std::array<char, 152> inline_;   // NOLINT(*-member-init): written before it is read
};

// Keeps the newest slow commands, up to a number and to kMaxBytes. The time of a command runs from the look
// at its request until its reply is made, waiting for the disk included.
// Thread safety: all members may be called from any thread.
class SlowLog {
 public:
  struct Entry {
    std::uint64_t id = 0;
    std::int64_t unix_seconds = 0;
    std::int64_t micros = 0;
    std::vector<std::string> words;  // as RequestSummary
    std::string client_address;
    std::string client_name;
  };

  static constexpr std::size_t kMaxBytes = std::size_t{8} << 20;

  // Commands that take `slower_than` or longer are kept, up to `most` of them.
  SlowLog(std::chrono::microseconds slower_than, std::size_t most) : slower_than_(slower_than), most_(most) {}

  bool is_on() const { return most_ != 0; }
  bool is_slow(std::chrono::steady_clock::duration took) const { return took >= slower_than_ && is_on(); }
  void add(Entry entry) MINIKV_EXCLUDES(mutex_);
  // Adds a command that took `took`, and has just been answered.
  void note(std::chrono::steady_clock::duration took, const RequestSummary& summary,
            const std::string& client_address, const std::string& client_name) MINIKV_EXCLUDES(mutex_);
  // The newest first; up to `count` of them.
  std::vector<std::shared_ptr<const Entry>> newest(std::size_t count) const MINIKV_EXCLUDES(mutex_);
  std::size_t size() const MINIKV_EXCLUDES(mutex_);
  void clear() MINIKV_EXCLUDES(mutex_);

 private:
  const std::chrono::microseconds slower_than_;
  const std::size_t most_;
  mutable engine::Mutex mutex_;
  std::deque<std::shared_ptr<const Entry>> entries_ MINIKV_GUARDED_BY(mutex_);
  std::size_t bytes_ MINIKV_GUARDED_BY(mutex_) = 0;  // of them
  std::uint64_t next_id_ MINIKV_GUARDED_BY(mutex_) = 0;
};

}  // namespace minikv::server
