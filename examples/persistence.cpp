// An acknowledged write survives the end of its process. A child process writes, reports each acknowledged
// write over a pipe, and is killed without warning in the middle of its work. The parent then opens the store
// and compares it with the reports. The lesson repeats this several times on the same directory.
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>

#include <minikv/store.h>

#include "lesson.h"

using lesson::check;
using lesson::must;

namespace {

constexpr int kRounds = 3;
constexpr int kWritesPerRound = 400;  // acknowledged before the child is killed

minikv::Options options() {
  minikv::Options options;
  options.segment_size = minikv::kMiB;     // so that the child is killed among full and fresh segments alike
  options.fsync = minikv::Fsync::kAlways;  // the default: synced before it is acknowledged
  return options;
}

std::string key_of(int number) { return "event:" + std::to_string(number); }
std::string value_of(int number) {
  return std::string(3000, static_cast<char>('a' + number % 26)) + std::to_string(number);
}

// Runs in the child: writes event after event until it is killed. The number of an event goes into the pipe
// only after the store has acknowledged the event.
[[noreturn]] void write_until_killed(const std::string& directory, int number, int pipe) {
  auto store = minikv::Store::open(directory, options());
  if (!store) {
    std::cerr << "the child cannot open the store: " << store.status().message() << '\n';
    _exit(1);
  }
  for (;; ++number) {
    if (!(*store)->set(key_of(number), value_of(number))) _exit(1);
    if (::write(pipe, &number, sizeof(number)) != sizeof(number)) _exit(1);
  }
}

// Lets a child write from `first` on, kills it, and returns the last event that it reported.
int write_and_be_killed(const std::string& directory, int first) {
  int ends[2];
  check(::pipe(ends) == 0, "a pipe can be had");
  const pid_t child = ::fork();
  check(child >= 0, "a process can be had");
  if (child == 0) {
    ::close(ends[0]);
    write_until_killed(directory, first, ends[1]);
  }
  ::close(ends[1]);
  int last = first - 1;
  int said = 0;
  // The child is dead; its last reports are still in the pipe.
  while (::read(ends[0], &said, sizeof(said)) == sizeof(said)) {
    last = said;
    if (last == first + kWritesPerRound) ::kill(child, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  check(::waitpid(child, &status, 0) == child, "the child can be waited for");
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child worked until it was killed");
  return last;
}

}  // namespace

int main() {
  return lesson::run([] {
    const lesson::TemporaryDirectory directory;
    int next = 0;
    for (int round = 1; round <= kRounds; ++round) {
      const int last = write_and_be_killed(directory.path(), next);

      const auto store = must(minikv::Store::open(directory.path(), options()), "open after the kill");
      for (int i = 0; i <= last; ++i) {
        const auto value = store->get(key_of(i));
        check(value && value->data == value_of(i),
              "event " + std::to_string(i) + " was acknowledged and is there");
      }
      // One event may have been written and not yet acknowledged: the store has all of it or none.
      next = static_cast<int>(store->size());
      check(next == last + 1 || next == last + 2, "nothing is there that was never written");
      if (next == last + 2)
        check(must(store->get(key_of(last + 1)), "get").data == value_of(last + 1), "it is whole");
      std::cout << "round " << round << ": killed after event " << last << ", " << next
                << " events are there, opened in " << store->stats().recovery_ms << " ms\n";
      must(store->close(), "close");
    }
  });
}
