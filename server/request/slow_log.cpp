// What is kept of a slow command.
#include "server/request/slow_log.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "protocol/ascii.h"

namespace minikv::server {

namespace {

constexpr std::size_t kMaxWords = 32;
constexpr std::size_t kMaxWordBytes = 128;
using WordSize = std::uint32_t;  // no argument is longer
constexpr std::string_view kRedacted = "(redacted)";

// Tells which arguments are secret: all of AUTH, and the two behind AUTH in HELLO.
class Secrets {
 public:
  explicit Secrets(const protocol::Request& request) : id_(request.command->id) {}

  bool are_there() const { return id_ == protocol::CommandId::kAuth || id_ == protocol::CommandId::kHello; }
  // To be asked about each argument in turn.
  bool is_next(std::string_view arg) {
    if (id_ == protocol::CommandId::kAuth) return true;
    if (id_ != protocol::CommandId::kHello) return false;
    if (left_ > 0) return left_-- > 0;
    if (protocol::equals_ignoring_case(arg, "auth")) left_ = 2;
    return false;
  }

 private:
  protocol::CommandId id_;
  int left_ = 0;
};

std::size_t kept_bytes(std::string_view word) {
  return sizeof(WordSize) + std::min(word.size(), kMaxWordBytes);
}

// Writes kept_bytes() bytes; returns the place behind them.
char* write_word(char* to, std::string_view word) {
  const auto size = static_cast<WordSize>(word.size());
  std::memcpy(to, &size, sizeof size);
  const std::size_t kept = std::min(word.size(), kMaxWordBytes);
  if (kept > 0) std::memcpy(to + sizeof size, word.data(), kept);
  return to + sizeof size + kept;
}

// About the memory that an entry takes, in bytes.
std::size_t bytes_of(const SlowLog::Entry& entry) {
  std::size_t bytes = sizeof entry + entry.client_address.capacity() + entry.client_name.capacity();
  for (const std::string& word : entry.words) bytes += sizeof word + word.capacity();
  return bytes;
}

}  // namespace

// ---- RequestSummary ----

void RequestSummary::assign(const protocol::Request& request) {
  const std::string_view verb = request.verb.empty() ? request.command->name : request.verb;
  const std::size_t verb_words = request.subcommand.empty() ? 1 : 2;
  const std::size_t all = verb_words + request.args.size();
  // The last word says how many were left out.
  const std::size_t count = (all > kMaxWords ? kMaxWords - 1 : all) - verb_words;
  const std::span args = std::span(request.args).first(count);
  std::size_t most = kept_bytes(verb) + kept_bytes(request.subcommand);
  for (const protocol::Arg& arg : args) most += kept_bytes(arg.bytes);
  Secrets secrets(request);
  if (secrets.are_there()) most += args.size() * kRedacted.size();
  size_ = 0;
  block_.reset();
  if (most > inline_.size()) block_.reset(new char[most]);  // make_unique() would fill it first
  char* const begin = block_ ? block_.get() : inline_.data();
  char* to = write_word(begin, verb);
  if (verb_words == 2) to = write_word(to, request.subcommand);
  for (const protocol::Arg& arg : args)
    to = write_word(to, secrets.is_next(arg.bytes) ? kRedacted : arg.bytes);
  size_ = static_cast<std::size_t>(to - begin);
  left_out_ = request.args.size() - count;
}

std::vector<std::string> RequestSummary::words() const {
  std::vector<std::string> words;
  for (std::string_view left = kept(); !left.empty();) {
    WordSize size = 0;
    std::memcpy(&size, left.data(), sizeof size);
    left.remove_prefix(sizeof size);
    const auto there = std::min<std::size_t>(size, kMaxWordBytes);
    words.emplace_back(left.substr(0, there));
    left.remove_prefix(there);
    if (size > there) words.back() += fmt::format("... ({} more bytes)", size - there);
  }
  if (left_out_ > 0) words.push_back(fmt::format("... ({} more arguments)", left_out_));
  return words;
}

// ---- SlowLog ----

void SlowLog::add(Entry entry) {
  auto added = std::make_shared<Entry>(std::move(entry));
  const engine::MutexLock lock(mutex_);
  added->id = next_id_++;
  bytes_ += bytes_of(*added);
  entries_.push_front(std::move(added));
  while (entries_.size() > most_ || bytes_ > kMaxBytes) {
    bytes_ -= bytes_of(*entries_.back());
    entries_.pop_back();
  }
}

void SlowLog::note(std::chrono::steady_clock::duration took, const RequestSummary& summary,
                   const std::string& client_address, const std::string& client_name) {
  Entry entry;
  entry.unix_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  entry.micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  entry.words = summary.words();
  entry.client_address = client_address;
  entry.client_name = client_name;
  add(std::move(entry));
}

std::vector<std::shared_ptr<const SlowLog::Entry>> SlowLog::newest(std::size_t count) const {
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
  bytes_ = 0;
}

}  // namespace minikv::server
