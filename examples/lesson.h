// Helpers of the examples: a temporary directory, and an exception that reports a broken promise.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <minikv/store.h>

namespace lesson {

// Ends the example with exit code 1 and this line.
class BrokenPromise : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void check(bool is_so, const std::string& promise) {
  if (!is_so) throw BrokenPromise("not as promised: " + promise);
}

// Returns the value of a result, or throws if it has none. minikv itself throws nothing: every failure is a
// Status that the caller checks. An example has no better answer to a failure than to end.
template <typename T>
T must(minikv::Result<T> result, const std::string& what) {
  if (!result) throw BrokenPromise(what + ": " + result.status().message());
  return std::move(result).value();
}
inline void must(const minikv::Status& status, const std::string& what) {
  if (!status) throw BrokenPromise(what + ": " + status.message());
}

// A new directory; the destructor removes it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    path_ = (std::filesystem::temp_directory_path() / "minikv-example-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw BrokenPromise("cannot make " + path_);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::uintmax_t bytes() const {
    std::uintmax_t sum = 0;
    for (const auto& file : std::filesystem::directory_iterator(path_)) {
      std::error_code gone;  // the store may be removing a file at this moment
      const auto size = file.file_size(gone);
      if (!gone) sum += size;
    }
    return sum;
  }

 private:
  std::string path_;
};

// Runs the lesson and returns the exit code for main().
template <typename Body>
int run(Body body) {
  try {
    body();
    std::cout << "all as promised\n";
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
}

}  // namespace lesson
