// Which writes a client does, what they make of its keys, and what the server may answer afterwards.
#include "tests/e2e/writing_client.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace minikv::test {
namespace {

constexpr int kKeys = 40;
constexpr int kPipeline = 8;  // keys come round every kKeys writes, so that those under way are distinct

std::uint64_t number_at(std::string_view text, std::size_t word) {
  for (; word > 0; --word) text.remove_prefix(std::min(text.size(), text.find(' ') + 1));
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

// With the process in it: tests run side by side, and a port that a killed server had may be another test's a
// moment later.
std::string WritingClient::key(int k) const { return fmt::format("p{}-c{}-k{}", ::getpid(), id_, k); }

std::string WritingClient::key_of(std::uint64_t n) const { return key(static_cast<int>(n * 7 % kKeys)); }

std::string WritingClient::value_of(std::uint64_t n) {
  return std::to_string(n) + ":" + std::string(n * 31 % 3000, static_cast<char>('a' + n % 26));
}

std::string WritingClient::request(std::uint64_t n) const {
  if (is_delete(n)) return fmt::format("delete {}\r\n", key_of(n));
  const auto present = state_.find(key_of(n));
  return fmt::format("cas {} {} {}\r\n", key_of(n), present == state_.end() ? 0 : present->second.version,
                     value_of(n));
}

void WritingClient::apply(const Write& write, State& state) const {
  if (is_delete(write.number)) {
    state.erase(key_of(write.number));
  } else {
    state[key_of(write.number)] = {value_of(write.number), write.version};
  }
}

void WritingClient::run(std::uint16_t port, const Until& until) {
  Line line(port);
  const std::uint64_t enough = until.writes == Until().writes ? until.writes : acknowledged_ + until.writes;
  while (acknowledged_ < enough && (until.stopped == nullptr || !*until.stopped)) {
    const std::uint64_t first = sent_ + 1;
    std::string requests;
    for (std::uint64_t n = first; n < first + kPipeline; ++n) requests += request(n);
    sent_ += kPipeline;
    std::uint64_t next = first;
    bool goes_on = line.send(requests);
    for (bool answered = goes_on; answered && next < first + kPipeline; ++next) {
      const auto reply = line.line();
      answered = reply.has_value();
      if (!answered) break;
      if (!take_reply(next, *reply) && until.first_error) goes_on = false;
    }
    if (next < first + kPipeline) goes_on = false;  // the server is gone
    for (; next < first + kPipeline; ++next) doubtful_.push_back({next, 0, {}});
    if (!goes_on || !problem_.empty()) return;
  }
}

// Whether the write was acknowledged.
bool WritingClient::take_reply(std::uint64_t n, const std::string& reply) {
  if (reply.starts_with("+")) {
    const Write write{n, is_delete(n) ? 0 : number_at(reply, 1), std::chrono::steady_clock::now()};
    if (!is_delete(n) && write.version == 0) problem_ = "no version in " + reply;
    apply(write, state_);
    log_.push_back(write);
    doubtful_.clear();  // this one was answered by a store that did not have them
    ++acknowledged_;
    return true;
  }
  const std::string code = reply.substr(1, reply.find(' ') - 1);
  if (code != "DISKFULL" && code != "IOERR" && code != "READONLY") problem_ = reply;
  ++refusals_[code];
  doubtful_.push_back({n, 0, {}});
  return false;
}

std::uint64_t WritingClient::refused() const {
  std::uint64_t sum = 0;
  for (const auto& [code, count] : refusals_) sum += count;
  return sum;
}

std::optional<WritingClient::State> WritingClient::read_state(std::uint16_t port) {
  State found;
  Line line(port);
  for (int k = 0; k < kKeys; ++k) {
    const auto head = line.ask("get " + key(k));
    if (!head) return std::nullopt;
    if (head->starts_with("-NOTFOUND")) continue;
    if (!head->starts_with("+VALUE")) {
      problem_ = key(k) + ": " + *head;
      return std::nullopt;
    }
    found[key(k)] = {line.line().value_or(""), number_at(*head, 2)};
  }
  return found;
}

testing::AssertionResult WritingClient::check_alive(std::uint16_t port) {
  const auto found = read_state(port);
  if (!problem_.empty()) return testing::AssertionFailure() << "client " << id_ << ": " << problem_;
  if (!found) return testing::AssertionFailure() << "no answer";
  if (*found == state_) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "client " << id_
                                     << ": the server holds something else than what it acknowledged";
}

testing::AssertionResult WritingClient::check(std::uint16_t port, Time durable_until) {
  auto found = read_state(port);
  if (!problem_.empty()) return testing::AssertionFailure() << "client " << id_ << ": " << problem_;
  if (!found) return testing::AssertionFailure() << "no answer";

  std::vector<Write> writes = log_;
  writes.insert(writes.end(), doubtful_.begin(), doubtful_.end());
  std::size_t least = 0;  // of these must be there
  while (least < log_.size() && log_[least].acknowledged <= durable_until) ++least;
  State state = base_;
  std::optional<std::size_t> fewest, most;
  for (std::size_t n = 0;; ++n) {
    if (n >= least && state == *found) {
      if (!fewest) fewest = n;
      most = n;
    }
    if (n == writes.size()) break;
    apply(writes[n], state);
  }
  if (!fewest) {
    return testing::AssertionFailure() << "client " << id_ << ": no state after " << least << " to "
                                       << writes.size() << " of its last writes is what the server holds";
  }
  newest_survivor_ = oldest_lost_ = 0;
  for (std::size_t n = 0; n < *fewest; ++n) newest_survivor_ = std::max(newest_survivor_, writes[n].version);
  for (std::size_t n = writes.size(); n-- > *most;) {
    if (writes[n].version != 0) oldest_lost_ = writes[n].version;
  }
  // A write that was not acknowledged and is there has happened; one that is not there never will.
  base_ = state_ = *std::move(found);
  log_.clear();
  doubtful_.clear();
  return testing::AssertionSuccess();
}

// ---- all of them ----

Crowd::Crowd(int clients) {
  for (int id = 0; id < clients; ++id) clients_.emplace_back(id);
}

void Crowd::start(std::uint16_t port, const WritingClient::Until& until) {
  stopped_ = false;
  WritingClient::Until or_stopped = until;
  or_stopped.stopped = &stopped_;
  for (WritingClient& client : clients_) {
    threads_.emplace_back([&client, port, or_stopped] { client.run(port, or_stopped); });
  }
  threads_.emplace_back([this, port, until] {
    Line line(port);
    while (!stopped_ && line.ask("compact")) {
      if (until.first_error || until.writes != WritingClient::Until().writes) return;
    }
  });
}

void Crowd::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

testing::AssertionResult Crowd::check(std::uint16_t port, WritingClient::Time durable_until) {
  std::uint64_t newest_survivor = 0;
  std::uint64_t oldest_lost = std::numeric_limits<std::uint64_t>::max();
  for (WritingClient& client : clients_) {
    if (auto right = client.check(port, durable_until); !right) return right;
    newest_survivor = std::max(newest_survivor, client.newest_survivor());
    if (client.oldest_lost() != 0) oldest_lost = std::min(oldest_lost, client.oldest_lost());
  }
  if (newest_survivor > oldest_lost) {
    return testing::AssertionFailure() << "version " << oldest_lost << " was lost, and " << newest_survivor
                                       << " was not: what survived is no prefix";
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult Crowd::check_alive(std::uint16_t port) {
  for (WritingClient& client : clients_) {
    if (auto right = client.check_alive(port); !right) return right;
  }
  return testing::AssertionSuccess();
}

std::uint64_t Crowd::acknowledged() const {
  std::uint64_t sum = 0;
  for (const WritingClient& client : clients_) sum += client.acknowledged();
  return sum;
}

std::map<std::string, std::uint64_t> Crowd::refusals() const {
  std::map<std::string, std::uint64_t> sums;
  for (const WritingClient& client : clients_) {
    for (const auto& [code, count] : client.refusals()) sums[code] += count;
  }
  return sums;
}

}  // namespace minikv::test
