// Estimates the steps that matching takes, and leaves the keys that match.
#include "server/commands/matching.h"

#include <algorithm>
#include <utility>

namespace minikv::server {

namespace {

// Longer patterns are not even read on an event loop.
constexpr std::size_t kMaxPatternBytesAtOnce = 1024;

}  // namespace

Matching::Matching(std::optional<std::string_view> pattern) : pattern_(pattern) {
  if (pattern_ && pattern_->size() <= kMaxPatternBytesAtOnce) glob_.emplace(*pattern_);
}

std::uint64_t Matching::steps() const {
  if (!pattern_) return 0;
  if (!glob_) return kMaxMatchStepsAtOnce + 1;
  std::uint64_t steps = 0;
  for (const std::string& key : keys) {
    steps += glob_->steps(key.size());
    if (steps > kMaxMatchStepsAtOnce) break;
  }
  return steps;
}

void Matching::run() {
  if (!pattern_) return;
  if (!glob_) glob_.emplace(*pattern_);
  std::erase_if(keys, [&](const std::string& key) { return !glob_->matches(key); });
}

std::uint64_t Matching::reply_bytes() const {
  std::uint64_t bytes = 0;
  for (const std::string& key : keys) bytes += key.size() + kReplyOverheadBytes;
  return bytes;
}

Answered MatchingTask::encode_some(protocol::ReplyEncoder& reply, const Reading& reading) {
  if (!reading.may_wait && !matching_.is_quick()) return Answered::kWantsDisk;
  matching_.run();
  encode(reply);
  return Answered::kWhole;
}

}  // namespace minikv::server
