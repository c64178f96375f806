// What load is asked for, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/load/histogram.h"

namespace minikv::bench {

struct LoadOptions {
  int port = 0;  // on 127.0.0.1
  std::size_t threads = 1;
  std::size_t connections = 50;
  std::size_t pipeline = 1;
  double set_share = 0;  // of the requests, from 0 to 1; the others are GETs
  std::uint64_t keys = 1'000'000;
  std::size_t value_bytes = 100;
  bool is_zipfian = false;
  double warm_up_s = 0.5, seconds = 10;
  // Requests a second that are offered, however quickly they are answered. 0: each connection sends its next
  // batch when the one before is answered.
  double rate = 0;
  std::uint64_t seed = 1;
};

struct LoadFigures {
  Histogram gets, sets;        // ns, of the requests that were due in the measured time
  std::uint64_t answered = 0;  // within the measured time
  std::uint64_t misses = 0;    // GETs of keys that are not there
  std::uint64_t errors = 0;
  std::uint64_t unanswered = 0;  // due in the measured time, and not answered some seconds after it
  std::string first_error;

  void add(const LoadFigures& other) {
    gets.add(other.gets);
    sets.add(other.sets);
    answered += other.answered;
    misses += other.misses;
    errors += other.errors;
    unanswered += other.unanswered;
    if (first_error.empty()) first_error = other.first_error;
  }
};

}  // namespace minikv::bench
