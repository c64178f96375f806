// How near the store comes to the limit of the disk. Each round measures synced groups of one write each, and
// bare appends of as many bytes, each followed by fdatasync, to a file that was written full of zeros before.
//
//     sync_limit DIRECTORY [ROUNDS [SECONDS]]        JSON: for each round both rates in syncs per second,
//                                                    and the median of the ratios

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "minikv/store.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kRecordBytes = 216;  // a frame of one record with such a value
constexpr std::uint64_t kFileBytes = 64 * minikv::kMiB;

[[noreturn]] void die(const std::string& what) { throw std::runtime_error(what); }

// Calls `write` for so long and returns the rate in calls per second.
template <typename Write>
double rate(double seconds, Write write) {
  const auto begin = Clock::now();
  std::uint64_t count = 0;
  std::chrono::duration<double> took{};
  do {
    write();
    ++count;
    took = Clock::now() - begin;
  } while (took.count() < seconds);
  return static_cast<double>(count) / took.count();
}

// Appends like those of the log, without the rest of the store.
class BareFile {
 public:
  explicit BareFile(const std::string& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    const std::string zeros(minikv::kMiB, '\0');
    if (fd_ < 0) die("can't create " + path);
    for (std::uint64_t at = 0; at < kFileBytes; at += zeros.size()) put(zeros, at);
    if (fsync(fd_) != 0) die("fsync");
  }
  BareFile(const BareFile&) = delete;
  BareFile& operator=(const BareFile&) = delete;
  ~BareFile() { close(fd_); }

  void append(const std::string& bytes) {
    if (end_ + bytes.size() > kFileBytes) end_ = 0;
    put(bytes, end_);
    end_ += bytes.size();
    if (fdatasync(fd_) != 0) die("fdatasync");
  }

 private:
  void put(const std::string& bytes, std::uint64_t at) {
    if (pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(bytes.size()))
      die("write");
  }

  const int fd_;
  std::uint64_t end_ = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(const std::string& directory, int rounds, double seconds) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  {
    minikv::Options options;
    options.fsync = minikv::Fsync::kAlways;
    auto store = minikv::Store::open(directory + "/store", options);
    if (!store) die(store.status().message());
    BareFile bare(directory + "/bare");
    const std::string value(kValueBytes, 'v');
    const std::string record(kRecordBytes, 'r');
    std::vector<double> ours, floor, ratios;
    std::uint64_t number = 0;
    for (int round = 0; round < rounds; ++round) {
      const auto set = [&] {
        if (!(*store)->set(fmt::format("key:{:012}", number++ % 1000), value)) die("set");
      };
      const auto append = [&] { bare.append(record); };
      // The two take turns to be first, because the speed of the machine drifts.
      if (round % 2 == 0) {
        floor.push_back(rate(seconds, append));
        ours.push_back(rate(seconds, set));
      } else {
        ours.push_back(rate(seconds, set));
        floor.push_back(rate(seconds, append));
      }
      ratios.push_back(ours.back() / floor.back());
    }
    fmt::print(
        "{{\"synced_groups_a_second\": {}, \"bare_fdatasync_a_second\": {}, \"ratios\": {}, \"ratio\": "
        "{:.3f}}}\n",
        ours, floor, ratios, median(ratios));
  }
  std::filesystem::remove_all(directory);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fputs("usage: sync_limit DIRECTORY [ROUNDS [SECONDS]]\n", stderr);
    return 2;
  }
  compare(std::string(argv[1]) + "/sync-limit", argc > 2 ? std::stoi(argv[2]) : 5,
          argc > 3 ? std::stod(argv[3]) : 2);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "sync_limit: %s\n", error.what());
  return 1;
}
