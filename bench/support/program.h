// What both benchmark programs begin with: their flags, what they write down about the run, and an exit code
// that tells.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <benchmark/benchmark.h>

#include "minikv/status.h"

namespace minikv::bench {

// What the flags said. Set once, before the first benchmark runs.
struct Settings {
  std::uint64_t keys = 1'000'000;  // in the data sets that matter by size
  std::string directory;           // where stores are made, each in a directory of its own that goes with it
};
const Settings& settings();

// main(): takes our own flags (--keys=N, --dir=DIR, --results=DIR) and Google Benchmark's, runs what they
// choose, prints it, and with --results writes DIR/<program>.json. Returns 0; 1 if a benchmark found wrong
// results or none was run; 2 if the flags were wrong.
// `prepare` is called when settings() are known: to enter further benchmarks, and notes on the run.
int run_program(int argc, char** argv, const std::string& program, const std::function<void()>& prepare = {});

// Ends the benchmark with this as its error.
void fail(benchmark::State& state, const std::string& why);
// Whether `status` is ok; if not, ends the benchmark.
bool check(benchmark::State& state, const Status& status, const char* what);

// Says how many things one iteration did: rates and times are then given for each.
void count_items(benchmark::State& state, std::uint64_t items_per_iteration);
// Says how many bytes one iteration went through.
void count_bytes(benchmark::State& state, std::uint64_t bytes_per_iteration);

}  // namespace minikv::bench
