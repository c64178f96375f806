// load: GETs and SETs for a server that speaks RESP, by several threads. Latencies count from when each
// request was due. Prints its figures as JSON.
#include <cstdio>
#include <exception>
#include <future>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/load/keys.h"
#include "bench/load/worker.h"

namespace {

using namespace minikv::bench;

LoadFigures run(const LoadOptions& options) {
  const KeyChoice keys(options.keys, options.is_zipfian);
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < options.threads; ++i) {
    const std::size_t connections =
        options.connections / options.threads + (i < options.connections % options.threads ? 1 : 0);
    workers.push_back(std::make_unique<Worker>(options, keys, connections, options.seed * 1000 + i));
  }
  const auto in_seconds = [](double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  };
  MeasuredTime time;
  time.begin = Clock::now() + in_seconds(options.warm_up_s);
  time.end = time.begin + in_seconds(options.seconds);
  std::vector<std::future<LoadFigures>> running;
  for (const auto& worker : workers)
    running.push_back(std::async(std::launch::async, [&worker, &time] { return worker->run(time); }));
  LoadFigures all;
  for (auto& one : running) all.add(one.get());
  return all;
}

nlohmann::json tail_of(const Histogram& histogram) {
  const auto ms = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e6; };
  return {{"count", histogram.count()},
          {"p50_ms", ms(histogram.percentile(0.5))},
          {"p99_ms", ms(histogram.percentile(0.99))},
          {"p999_ms", ms(histogram.percentile(0.999))},
          {"max_ms", ms(histogram.max())}};
}

void add_flags(CLI::App& app, LoadOptions& options) {
  app.add_option("--port", options.port, "of the server, on 127.0.0.1")->required();
  app.add_option("--threads", options.threads, "that the connections are divided among")
      ->check(CLI::Range(1, 64));
  app.add_option("--connections", options.connections, "")->check(CLI::Range(1, 10'000));
  app.add_option("--pipeline", options.pipeline, "requests of a batch")->check(CLI::Range(1, 10'000));
  app.add_option("--sets", options.set_share, "share of SETs; the others are GETs")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--keys", options.keys, "key:000000000000 and so many more")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--value-bytes", options.value_bytes, "of each SET")->check(CLI::Range(0, 64 << 20));
  app.add_flag("--zipfian", options.is_zipfian, "some keys much more often than others");
  app.add_option("--seconds", options.seconds, "that are measured")->check(CLI::PositiveNumber);
  app.add_option("--warm-up", options.warm_up_s, "seconds before that")->check(CLI::NonNegativeNumber);
  app.add_option("--rate", options.rate, "requests a second that are offered; 0: as many as are answered")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", options.seed, "of the keys and moments");
}

}  // namespace

int main(int argc, char** argv) try {
  LoadOptions options;
  CLI::App app("GETs and SETs for a server that speaks RESP; prints figures as JSON.", "load");
  add_flags(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.threads > options.connections) options.threads = options.connections;
  const LoadFigures figures = run(options);
  const nlohmann::json result{{"rate", static_cast<double>(figures.answered) / options.seconds},
                              {"answered", figures.answered},
                              {"get", tail_of(figures.gets)},
                              {"set", tail_of(figures.sets)},
                              {"misses", figures.misses},
                              {"errors", figures.errors},
                              {"unanswered", figures.unanswered}};
  std::puts(result.dump().c_str());
  if (figures.errors > 0) std::fprintf(stderr, "load: %s\n", figures.first_error.c_str());
  return figures.errors > 0 ? 1 : 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "load: %s\n", error.what());
  return 1;
}
