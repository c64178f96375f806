// Keys that are to match a pattern, for SCAN and KEYS: how long that takes decides where it is done.
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

// So many steps (about nanoseconds) of one request may be taken on an event loop.
inline constexpr std::uint64_t kMaxMatchStepsAtOnce = std::uint64_t{1} << 21;
// And so many keys, which are at hand, be told.
inline constexpr std::size_t kMaxMatchedAtOnce = 4096;

// Thread safety: none; may be handed from one thread to another.
class Matching {
 public:
  // Without a pattern everything matches.
  explicit Matching(std::optional<std::string_view> pattern);

  std::vector<std::string> keys;

  // About how many steps run() takes; beyond kMaxMatchStepsAtOnce it is not counted how many.
  std::uint64_t steps() const;
  bool is_quick() const { return keys.size() <= kMaxMatchedAtOnce && steps() <= kMaxMatchStepsAtOnce; }
  // What a reply with all of the keys takes at most.
  std::uint64_t reply_bytes() const;
  // Leaves the keys that match.
  void run();

 private:
  std::optional<std::string> pattern_;
  std::optional<Glob> glob_;  // read as soon as there is time for it
};

// A walk of a transaction's: the writer finds the keys, and what takes long after that is a reader's.
// Thread safety: as Task.
class MatchingTask : public Task {
 public:
  explicit MatchingTask(Matching matching) : Task(ArgumentArena(0)), matching_(std::move(matching)) {}

  Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) override;
  bool reads_values() const override { return true; }
  std::uint64_t bytes_for_reader() const override { return matching_.reply_bytes(); }

 protected:
  Matching& matching() { return matching_; }
  // The reply, when what does not match is gone.
  virtual void encode(protocol::ReplyEncoder& reply) = 0;

 private:
  Matching matching_;
};

}  // namespace minikv::server
