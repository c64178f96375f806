// How near the store comes to the limit of the disk. Each round measures synced groups of one write each, and
// bare appends of as many bytes, each followed by fdatasync, to a file that was written full of zeros before.
//
//     sync_limit DIRECTORY [ROUNDS [SECONDS]]           JSON: for each round both rates in syncs per second,
//                                                       and the median of the ratios
//     sync_limit DIRECTORY --files [ROUNDS [SECONDS]]   bare appends alone: to a file that grows, to one full
//                                                       of zeros, to one whose blocks had other data before

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
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

enum class Kind : std::uint8_t { kGrowing, kZeroWritten, kRecycled };

// Appends like those of the log, without the rest of the store.
class BareFile {
 public:
  BareFile(const std::string& path, Kind kind)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)),
        is_growing_(kind == Kind::kGrowing) {
    if (fd_ < 0) die("can't create " + path);
    const std::string filler(minikv::kMiB, kind == Kind::kRecycled ? 'x' : '\0');
    for (std::uint64_t at = 0; !is_growing_ && at < kFileBytes; at += filler.size()) put(filler, at);
    if (fsync(fd_) != 0) die("fsync");
  }
  BareFile(const BareFile&) = delete;
  BareFile& operator=(const BareFile&) = delete;
  ~BareFile() { close(fd_); }

  void append(const std::string& bytes) {
    if (end_ + bytes.size() > kFileBytes) begin_again();
    put(bytes, end_);
    end_ += bytes.size();
    if (fdatasync(fd_) != 0) die("fdatasync");
  }

 private:
  void begin_again() {
    end_ = 0;
    if (is_growing_ && ftruncate(fd_, 0) != 0) die("ftruncate");
  }
  void put(const std::string& bytes, std::uint64_t at) {
    if (pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(bytes.size()))
      die("write");
  }

  const int fd_;
  const bool is_growing_;
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
    BareFile bare(directory + "/bare", Kind::kZeroWritten);
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

// The kinds take turns in each round.
void compare_files(const std::string& directory, int rounds, double seconds) {
  constexpr const char* kNames[] = {"growing", "zero-written", "recycled"};
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  std::vector<std::unique_ptr<BareFile>> files;
  for (const Kind kind : {Kind::kGrowing, Kind::kZeroWritten, Kind::kRecycled})
    files.push_back(std::make_unique<BareFile>(directory + "/" + kNames[files.size()], kind));
  const std::string record(kRecordBytes, 'r');
  std::vector<std::vector<double>> rates(files.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < files.size(); ++i)
      rates[i].push_back(rate(seconds, [&] { files[i]->append(record); }));
  }
  fmt::print("{{\"{}\": {}, \"{}\": {}, \"{}\": {}}}\n", kNames[0], rates[0], kNames[1], rates[1], kNames[2],
             rates[2]);
  std::filesystem::remove_all(directory);
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool only_files = std::erase(words, "--files") > 0;
  if (words.empty() || words.size() > 3) {
    std::fputs("usage: sync_limit DIRECTORY [--files] [ROUNDS [SECONDS]]\n", stderr);
    return 2;
  }
  const int rounds = words.size() > 1 ? std::stoi(words[1]) : 5;
  const double seconds = words.size() > 2 ? std::stod(words[2]) : 2;
  (only_files ? compare_files : compare)(words[0] + "/sync-limit", rounds, seconds);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "sync_limit: %s\n", error.what());
  return 1;
}
