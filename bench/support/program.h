// The common frame of both benchmark programs: their flags, the description of the run, and an exit code that
// reports failures.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <benchmark/benchmark.h>

#include "minikv/status.h"

namespace minikv::bench {

// The values of the flags, set once before the first benchmark runs.
struct Settings {
  std::uint64_t keys = 1'000'000;  // in the data sets whose size matters
  std::string directory;           // where stores are made, each in its own temporary directory
};
const Settings& settings();

// main(): takes the flags --keys=N, --dir=DIR and --results=DIR, and those of Google Benchmark. It runs the
// chosen benchmarks, prints the results, and with --results writes DIR/<program>.json. Returns 0; 1 if a
// benchmark found wrong results or none was run; 2 if the flags were wrong.
// `prepare` is called when settings() are known, to register further benchmarks and notes on the run.
int run_program(int argc, char** argv, const std::string& program, const std::function<void()>& prepare = {});

// For calls that take a C string in Debian 12's library and a std::string in Debian 13's.
inline const char* name_of(const std::string& text) { return text.c_str(); }

// Ends the benchmark with `why` as its error.
void fail(benchmark::State& state, const std::string& why);
// Whether `status` is ok; if not, ends the benchmark.
bool check(benchmark::State& state, const Status& status, const char* what);

// Tells how many items one iteration processed: rates and times are then reported per item.
void count_items(benchmark::State& state, std::uint64_t items_per_iteration);
// Tells how many bytes one iteration processed.
void count_bytes(benchmark::State& state, std::uint64_t bytes_per_iteration);

}  // namespace minikv::bench
