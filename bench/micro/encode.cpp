// Replies -> bytes, in the chain of pieces that a connection sends.
#include <cstddef>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/support/program.h"
#include "bench/support/workload.h"
#include "protocol/reply_buffer.h"
#include "protocol/reply_encoder.h"

namespace minikv::bench {
namespace {

using protocol::ReplyEncoder;
using protocol::ReplyFormat;

// A plausible amount of replies in an output buffer.
constexpr std::size_t kReplyBytes = 256 * 1024;
constexpr std::uint32_t kMaxReplies = 1000;

// An encoder for a kind of reply, and the expected bytes, which other code makes.
struct Kind {
  void (*encode)(ReplyEncoder& encoder, std::uint32_t number);
  std::string (*expected)(std::uint32_t number);
};

template <std::size_t kBytes>
void value(ReplyEncoder& encoder, std::uint32_t number) {
  encoder.value(value_of(number, kBytes), number);
}
template <std::size_t kBytes>
constexpr Kind kTextValue = {value<kBytes>, [](std::uint32_t number) {
                               return fmt::format("+VALUE {} {}\r\n{}\r\n", kBytes, number,
                                                  value_of(number, kBytes));
                             }};
template <std::size_t kBytes>
constexpr Kind kRespValue = {value<kBytes>, [](std::uint32_t number) {
                               return fmt::format("${}\r\n{}\r\n", kBytes, value_of(number, kBytes));
                             }};

constexpr Kind kOk = {[](ReplyEncoder& encoder, std::uint32_t) { encoder.ok(); },
                      [](std::uint32_t) { return std::string("+OK\r\n"); }};
constexpr Kind kRespInteger = {
    [](ReplyEncoder& encoder, std::uint32_t number) { encoder.integer(number * 7919); },
    [](std::uint32_t number) { return fmt::format(":{}\r\n", number * 7919); }};
constexpr Kind kRespNil = {[](ReplyEncoder& encoder, std::uint32_t) { encoder.not_found(); },
                           [](std::uint32_t) { return std::string("$-1\r\n"); }};
constexpr Kind kRespError = {
    [](ReplyEncoder& encoder, std::uint32_t) { encoder.error(protocol::errors::not_an_integer()); },
    [](std::uint32_t) { return std::string("-ERR value is not an integer or out of range\r\n"); }};
constexpr Kind kTextName = {
    [](ReplyEncoder& encoder, std::uint32_t number) { encoder.name(key_of(number).view()); },
    [](std::uint32_t number) { return fmt::format("{}\r\n", key_of(number).view()); }};
constexpr Kind kRespMget = {[](ReplyEncoder& encoder, std::uint32_t number) {
                              encoder.multi(16);
                              for (std::uint32_t i = 0; i < 16; ++i)
                                encoder.value(value_of(number + i), number);
                            },
                            [](std::uint32_t number) {
                              std::string all = "*16\r\n";
                              for (std::uint32_t i = 0; i < 16; ++i)
                                all += fmt::format("${}\r\n{}\r\n", kValueBytes, value_of(number + i));
                              return all;
                            }};

void encode(benchmark::State& state, ReplyFormat format, const Kind& kind) {
  std::string expected;
  std::uint32_t replies = 0;
  while (replies < kMaxReplies && expected.size() < kReplyBytes) expected += kind.expected(replies++);
  protocol::ReplyBuffer out;
  for (auto _ : state) {
    out.clear();
    ReplyEncoder encoder(format, out);
    for (std::uint32_t number = 0; number < replies; ++number) kind.encode(encoder, number);
    benchmark::DoNotOptimize(out.first().data());
    if (out.size() != expected.size()) return fail(state, "the replies have another length than they should");
  }
  if (out.str() != expected) return fail(state, "the replies are not what they should be");
  count_items(state, replies);
  count_bytes(state, out.size());
}
BENCHMARK_CAPTURE(encode, text_value_100_bytes, ReplyFormat::kText, kTextValue<kValueBytes>);
BENCHMARK_CAPTURE(encode, text_value_16_KiB, ReplyFormat::kText, kTextValue<16 * 1024>);
BENCHMARK_CAPTURE(encode, text_ok, ReplyFormat::kText, kOk);
BENCHMARK_CAPTURE(encode, text_name, ReplyFormat::kText, kTextName);
BENCHMARK_CAPTURE(encode, resp_value_100_bytes, ReplyFormat::kResp2, kRespValue<kValueBytes>);
BENCHMARK_CAPTURE(encode, resp_value_16_KiB, ReplyFormat::kResp2, kRespValue<16 * 1024>);
BENCHMARK_CAPTURE(encode, resp_integer, ReplyFormat::kResp2, kRespInteger);
BENCHMARK_CAPTURE(encode, resp_nil, ReplyFormat::kResp2, kRespNil);
BENCHMARK_CAPTURE(encode, resp_error, ReplyFormat::kResp2, kRespError);
BENCHMARK_CAPTURE(encode, resp_mget_of_16, ReplyFormat::kResp2, kRespMget);

}  // namespace
}  // namespace minikv::bench
