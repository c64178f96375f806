// The flags beside Google Benchmark's, the description of the run, and the count of benchmarks that failed.
#include "bench/support/program.h"

#include <sys/statfs.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace minikv::bench {
namespace {

constexpr const char* kUsage =
    "our own flags, beside Google Benchmark's (--benchmark_filter=REGEX and so on, see --help):\n"
    "  --keys=N       keys in the large data sets, from 1,000 to 100,000,000; 1,000,000\n"
    "  --dir=DIR      where stores are made; the directory for temporary files\n"
    "  --results=DIR  also write the results to DIR/%s.json\n";

Settings& mutable_settings() {
  static Settings instance;
  return instance;
}

// The part of the argument behind `name`, if it begins with `name`.
std::optional<std::string> value_of_flag(std::string_view argument, std::string_view name) {
  if (!argument.starts_with(name)) return std::nullopt;
  return std::string(argument.substr(name.size()));
}

std::optional<std::uint64_t> parse_keys(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number < 1000 || number > 100'000'000) return std::nullopt;
  return number;
}

// Replaces this program's own flags by their equivalents for Google Benchmark. Returns nothing if a flag is
// wrong.
std::optional<std::vector<std::string>> take_our_flags(int argc, char** argv, const std::string& program) {
  Settings& chosen = mutable_settings();
  chosen.directory = std::filesystem::temp_directory_path().string();
  std::vector<std::string> left;
  for (int i = 0; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (const auto keys = value_of_flag(argument, "--keys=")) {
      const auto number = parse_keys(*keys);
      if (!number) return std::nullopt;
      chosen.keys = *number;
    } else if (const auto directory = value_of_flag(argument, "--dir=")) {
      std::filesystem::create_directories(*directory);
      chosen.directory = *directory;
    } else if (const auto results = value_of_flag(argument, "--results=")) {
      std::filesystem::create_directories(*results);
      left.push_back(fmt::format("--benchmark_out={}/{}.json", *results, program));
      left.emplace_back("--benchmark_out_format=json");
    } else {
      left.emplace_back(argument);
    }
  }
  return left;
}

// By the member that Debian 12's library has, or the one that Debian 13's has instead.
template <typename Run>
bool has_failed(const Run& run) {
  if constexpr (requires { run.error_occurred; }) {
    return run.error_occurred;
  } else {
    return run.skipped != decltype(run.skipped)();
  }
}

// Google Benchmark's console reporter, which also counts runs that ended with an error; by itself Google
// Benchmark does not fail on them.
class CountingReporter final : public benchmark::ConsoleReporter {
 public:
  CountingReporter() : ConsoleReporter(isatty(STDOUT_FILENO) != 0 ? OO_Color : OO_None) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) errors_ += has_failed(run) ? 1U : 0U;
    ConsoleReporter::ReportRuns(runs);
  }
  std::size_t errors() const { return errors_; }

 private:
  std::size_t errors_ = 0;
};

void describe_run() {
  benchmark::AddCustomContext("keys", std::to_string(settings().keys));
  struct statfs info{};
  if (statfs(settings().directory.c_str(), &info) == 0)
    benchmark::AddCustomContext("file_system_of_stores", fmt::format("{:#x}", info.f_type));
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::AddCustomContext("minikv_version", MINIKV_VERSION);
#ifndef NDEBUG
  benchmark::AddCustomContext("asserts", "on: the figures are not those of a release");
#endif
}

int run_all(int argc, char** argv, const std::string& program, const std::function<void()>& prepare) {
  const auto arguments = take_our_flags(argc, argv, program);
  if (!arguments) {
    std::fprintf(stderr, kUsage, program.c_str());
    return 2;
  }
  std::vector<std::string> kept = *arguments;
  std::vector<char*> pointers;
  for (std::string& argument : kept) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) {
    std::fprintf(stderr, kUsage, program.c_str());
    return 2;
  }
  describe_run();
  if (prepare) prepare();
  CountingReporter reporter;
  const std::size_t chosen = benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return chosen > 0 && reporter.errors() == 0 ? 0 : 1;
}

}  // namespace

const Settings& settings() { return mutable_settings(); }

int run_program(int argc, char** argv, const std::string& program, const std::function<void()>& prepare) {
  try {
    return run_all(argc, argv, program, prepare);
  } catch (const std::exception& error) {  // of the standard library: a directory that can't be made
    std::cerr << program << ": " << error.what() << '\n';
    return 1;
  }
}

void fail(benchmark::State& state, const std::string& why) { state.SkipWithError(name_of(why)); }

bool check(benchmark::State& state, const Status& status, const char* what) {
  if (!status) fail(state, fmt::format("{}: {}", what, status.message()));
  return status.is_ok();
}

void count_items(benchmark::State& state, std::uint64_t items_per_iteration) {
  const auto items = static_cast<std::uint64_t>(state.iterations()) * items_per_iteration;
  state.SetItemsProcessed(static_cast<std::int64_t>(items));
  state.counters["time_per_item"] = benchmark::Counter(
      static_cast<double>(items), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void count_bytes(benchmark::State& state, std::uint64_t bytes_per_iteration) {
  const auto iterations = static_cast<std::uint64_t>(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(iterations * bytes_per_iteration));
}

}  // namespace minikv::bench
