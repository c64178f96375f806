#include "server/slow_log.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace minikv::server {

namespace {

// As in Redis.
constexpr std::size_t kMostArguments = 32;
constexpr std::size_t kMostArgumentBytes = 128;

}  // namespace

void SlowLog::add(Entry entry) {
  const engine::MutexLock lock(mutex_);
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  if (entries_.size() > most_) entries_.pop_back();
}

std::vector<SlowLog::Entry> SlowLog::newest(std::size_t count) const {
  const engine::MutexLock lock(mutex_);
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(std::min(count, entries_.size()));
  return {entries_.begin(), end};
}

std::size_t SlowLog::size() const {
  const engine::MutexLock lock(mutex_);
  return entries_.size();
}

void SlowLog::clear() {
  const engine::MutexLock lock(mutex_);
  entries_.clear();
}

std::vector<std::string> SlowLog::summary(const protocol::CommandSpec& command,
                                          std::span<const protocol::Arg> args) {
  std::vector<std::string> kept = {std::string(command.resp_name.empty() ? command.name : command.resp_name)};
  for (const protocol::Arg& arg : args) {
    if (kept.size() + 1 == kMostArguments && args.size() >= kMostArguments) {
      kept.push_back(fmt::format("... ({} more arguments)", args.size() - kept.size() + 1));
      break;
    }
    std::string text(arg.bytes.substr(0, kMostArgumentBytes));
    if (text.size() < arg.bytes.size())
      text += fmt::format("... ({} more bytes)", arg.bytes.size() - text.size());
    kept.push_back(std::move(text));
  }
  return kept;
}

}  // namespace minikv::server
