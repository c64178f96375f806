// Keys that are to match a pattern, for SCAN and KEYS. The time that matching takes decides which thread does
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/commands/glob.h"
#include "server/request/task.h"

namespace minikv::server {

// The maximum of steps (about nanoseconds) of one request on an event loop.
inline constexpr std::uint64_t kMaxMatchStepsAtOnce = std::uint64_t{1} << 21;
// The maximum of keys that are matched for one request on an event loop.
inline constexpr std::size_t kMaxMatchedAtOnce = 4096;

// Thread safety: none; may be handed from one thread to another.
class Matching {
 public:
  // Without a pattern, every key matches.
  explicit Matching(std::optional<std::string_view> pattern);

  std::vector<std::string> keys;

  // About how many steps run() takes; not exact beyond kMaxMatchStepsAtOnce.
  std::uint64_t steps() const;
  bool is_quick() const { return keys.size() <= kMaxMatchedAtOnce && steps() <= kMaxMatchStepsAtOnce; }
  // The maximum length of a reply with all of the keys, in bytes.
  std::uint64_t reply_bytes() const;
  // Removes the keys that do not match.
  void run();

 private:
  std::optional<std::string> pattern_;
  std::optional<Glob> glob_;  // null until there is time to read the pattern
};

// A walk on the writer, which only finds the keys. A reader matches them if that takes long.
// Thread safety: as Task.
class MatchingTask : public Task {
 public:
  explicit MatchingTask(Matching matching) : Task(ArgumentArena(0)), matching_(std::move(matching)) {}

  Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) override;
  bool reads_values() const override { return true; }
  std::uint64_t bytes_for_reader() const override { return matching_.reply_bytes(); }

 protected:
  Matching& matching() { return matching_; }
  // Makes the reply, when the keys that do not match have been removed.
  virtual void encode(protocol::ReplyEncoder& reply) = 0;

 private:
  Matching matching_;
};

}  // namespace minikv::server
