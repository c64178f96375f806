// Clients that write, remember what was acknowledged, and afterwards ask the server for it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/line.h"

namespace minikv::test {

// One client: a history of numbered writes to keys of its own. Everything about write n follows from n, so
// that the state after any of them can be worked out again. Values are set by `cas`, so that the client knows
// the version of each.
//
// Thread safety: one thread at a time.
class WritingClient {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit WritingClient(int id) : id_(id) {}

  // When to stop, beside when the server is gone.
  struct Until {
    std::uint64_t writes = std::numeric_limits<std::uint64_t>::max();  // so many more were acknowledged
    bool first_error = false;                                          // after the first one refused
    const std::atomic<bool>* stopped = nullptr;
  };
  void run(std::uint16_t port, const Until& until);
  void run(std::uint16_t port) { run(port, Until()); }

  // What a power cut may have taken: whatever was acknowledged later. Up to then all must be there.
  static constexpr Time kNothing = Time::max();
  static constexpr Time kAnything = Time::min();
  // After a restart: the server must hold the state after some of the writes, from the last acknowledged (but
  // for what was acknowledged after `durable_until`) to the last sent. The history goes on from there.
  testing::AssertionResult check(std::uint16_t port, Time durable_until = kNothing);
  // While it runs: all that was acknowledged and nothing else, whatever was refused.
  testing::AssertionResult check_alive(std::uint16_t port);

  std::uint64_t acknowledged() const { return acknowledged_; }
  // Refusals by their code, "DISKFULL" for example; others than those of a disk's are a failure of check().
  const std::map<std::string, std::uint64_t>& refusals() const { return refusals_; }
  std::uint64_t refused() const;
  // Known after check(): versions of the newest write that has survived, and of the oldest that has not (0:
  // none). What survives is a prefix of the order of all writes, so no client may have lost a write older
  // than any that survived.
  std::uint64_t newest_survivor() const { return newest_survivor_; }
  std::uint64_t oldest_lost() const { return oldest_lost_; }

 private:
  struct Stored {
    std::string value;
    std::uint64_t version = 0;  // 0: not known
    bool operator==(const Stored& other) const {
      return value == other.value && (version == other.version || version == 0 || other.version == 0);
    }
  };
  using State = std::map<std::string, Stored>;
  struct Write {
    std::uint64_t number = 0;
    std::uint64_t version = 0;  // of a set that was acknowledged
    Time acknowledged{};
  };

  std::string key(int k) const;
  std::string key_of(std::uint64_t n) const;
  static bool is_delete(std::uint64_t n) { return n % 11 == 3; }
  static std::string value_of(std::uint64_t n);
  std::string request(std::uint64_t n) const;
  void apply(const Write& write, State& state) const;
  bool take_reply(std::uint64_t n, const std::string& reply);
  std::optional<State> read_state(std::uint16_t port);

  int id_;
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::map<std::string, std::uint64_t> refusals_;
  std::string problem_;
  State base_;                   // when the server was started
  State state_;                  // with all that was acknowledged since
  std::vector<Write> log_;       // that
  std::vector<Write> doubtful_;  // sent after the last of these, and not answered, or refused
  std::uint64_t newest_survivor_ = 0;
  std::uint64_t oldest_lost_ = 0;
};

// Several of them, each in a thread, and one that compacts all the while.
class Crowd {
 public:
  explicit Crowd(int clients);
  ~Crowd() { join(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void start(std::uint16_t port, const WritingClient::Until& until = {});
  // Lets them finish what they are at. Implied where the server is gone.
  void stop() {
    stopped_ = true;
    join();
  }
  void join();
  // Each of them, and that what survived is a prefix of the order of all.
  testing::AssertionResult check(std::uint16_t port,
                                 WritingClient::Time durable_until = WritingClient::kNothing);
  testing::AssertionResult check_alive(std::uint16_t port);
  std::uint64_t acknowledged() const;
  std::map<std::string, std::uint64_t> refusals() const;

 private:
  std::vector<WritingClient> clients_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopped_{false};
};

}  // namespace minikv::test
