// Bytes -> requests, as a session parses the bytes of one read from a pipelining client.
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/support/program.h"
#include "bench/support/workload.h"
#include "protocol/parser.h"

namespace minikv::bench {
namespace {

// A plausible size of one read from a socket.
constexpr std::size_t kInputBytes = 256 * 1024;
constexpr std::uint32_t kMaxRequests = 1000;

std::string resp(std::initializer_list<std::string_view> words) {
  std::string bytes = fmt::format("*{}\r\n", words.size());
  for (const std::string_view word : words) bytes += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return bytes;
}

// One request, and the size of its arguments.
struct Sample {
  std::string bytes;
  std::size_t argument_bytes;
};
using MakeSample = Sample (*)(std::uint32_t number);

Sample text_get(std::uint32_t number) {
  return {fmt::format("get {}\r\n", key_of(number).view()), kKeyBytes};
}
Sample text_set(std::uint32_t number) {
  return {fmt::format("set {} {}\r\n", key_of(number).view(), value_of(number)), kKeyBytes + kValueBytes};
}
template <std::size_t kBytes>
Sample text_put(std::uint32_t number) {
  return {fmt::format("put {} {}\r\n{}\r\n", key_of(number).view(), kBytes, value_of(number, kBytes)),
          kKeyBytes + kBytes};
}
Sample resp_get(std::uint32_t number) { return {resp({"GET", key_of(number).view()}), kKeyBytes}; }
template <std::size_t kBytes>
Sample resp_set(std::uint32_t number) {
  return {resp({"SET", key_of(number).view(), value_of(number, kBytes)}), kKeyBytes + kBytes};
}
Sample resp_set_with_expiry(std::uint32_t number) {
  return {resp({"SET", key_of(number).view(), value_of(number), "EX", "3600"}),
          kKeyBytes + kValueBytes + std::string_view("EX3600").size()};
}
Sample resp_mset_of_10(std::uint32_t number) {
  Sample sample{"*21\r\n$4\r\nMSET\r\n", 10 * (kKeyBytes + kValueBytes)};
  for (std::uint32_t i = 0; i < 10; ++i) {
    sample.bytes += fmt::format("${}\r\n{}\r\n${}\r\n{}\r\n", kKeyBytes, key_of(number * 10 + i).view(),
                                kValueBytes, value_of(number + i));
  }
  return sample;
}

// The number of requests in `input`, and the size of all their arguments.
struct Parsed {
  std::size_t requests = 0;
  std::size_t argument_bytes = 0;
};
Parsed parse_all(protocol::RequestParser& parser, std::string_view input) {
  Parsed parsed;
  for (;;) {
    const protocol::ParseResult result = parser.next(input);
    if (result.outcome != protocol::ParseOutcome::kRequest) return parsed;
    input.remove_prefix(result.consumed);
    ++parsed.requests;
    for (const protocol::Arg& arg : parser.request().args) parsed.argument_bytes += arg.bytes.size();
    benchmark::DoNotOptimize(parser.request().args.data());
  }
}

void parse(benchmark::State& state, MakeSample make) {
  std::string input;
  std::size_t argument_bytes = 0;
  std::uint32_t requests = 0;
  while (requests < kMaxRequests && input.size() < kInputBytes) {
    const Sample sample = make(requests++);
    input += sample.bytes;
    argument_bytes += sample.argument_bytes;
  }
  protocol::RequestParser parser{protocol::ParserLimits{}};
  for (auto _ : state) {
    const Parsed parsed = parse_all(parser, input);
    if (parsed.requests != requests || parsed.argument_bytes != argument_bytes)
      return fail(state, "the parser found other requests than were sent");
  }
  count_items(state, requests);
  count_bytes(state, input.size());
}
BENCHMARK_CAPTURE(parse, text_get, text_get);
BENCHMARK_CAPTURE(parse, text_set_100_bytes, text_set);
BENCHMARK_CAPTURE(parse, text_put_100_bytes, text_put<kValueBytes>);
BENCHMARK_CAPTURE(parse, text_put_16_KiB, text_put<16 * 1024>);
BENCHMARK_CAPTURE(parse, resp_get, resp_get);
BENCHMARK_CAPTURE(parse, resp_set_100_bytes, resp_set<kValueBytes>);
BENCHMARK_CAPTURE(parse, resp_set_100_bytes_EX, resp_set_with_expiry);
BENCHMARK_CAPTURE(parse, resp_set_16_KiB, resp_set<16 * 1024>);
BENCHMARK_CAPTURE(parse, resp_mset_of_10, resp_mset_of_10);

// A value of 1 MiB that arrives 16 KiB at a time. The parser keeps its state between calls, so that the cost
// is linear.
void parse_arriving_in_pieces(benchmark::State& state, MakeSample make) {
  constexpr std::size_t kPiece = 16 * 1024;
  const Sample sample = make(1);
  const std::string_view whole(sample.bytes);
  for (auto _ : state) {
    protocol::RequestParser parser{protocol::ParserLimits{}};
    Parsed parsed;
    for (std::size_t arrived = kPiece; parsed.requests == 0 && arrived < whole.size() + kPiece;
         arrived += kPiece)
      parsed = parse_all(parser, whole.substr(0, arrived));
    if (parsed.argument_bytes != sample.argument_bytes) return fail(state, "the value did not arrive");
  }
  count_items(state, 1);
}
BENCHMARK_CAPTURE(parse_arriving_in_pieces, text_put_1_MiB, text_put<kMaxValueBytes>);
BENCHMARK_CAPTURE(parse_arriving_in_pieces, resp_set_1_MiB, resp_set<kMaxValueBytes>);

}  // namespace
}  // namespace minikv::bench
