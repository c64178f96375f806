// Replies as bytes, in each of the three formats.
#include "protocol/reply_encoder.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::protocol {
namespace {

using namespace std::string_literals;

void append_pair(ReplyEncoder& encoder, std::string_view name, std::string_view bytes,
                 std::uint64_t version) {
  bytes.copy(encoder.pair_to_fill(name, bytes.size(), version).data(), bytes.size());
}

using Write = std::function<void(ReplyEncoder&)>;

std::string encode(ReplyFormat format, const Write& write) {
  ReplyBuffer out;
  ReplyEncoder encoder(format, out);
  write(encoder);
  return out.str();
}

struct Case {
  Write write;
  std::string text;
  std::string resp2;
  std::string resp3;
};

TEST(ReplyEncoderTest, SaysTheSameInEachFormat) {
  const std::vector<Case> cases = {
      {[](auto& e) { e.ok(); }, "+OK\r\n", "+OK\r\n", "+OK\r\n"},
      {[](auto& e) { e.ok("reclaimed 5 bytes"); }, "+OK reclaimed 5 bytes\r\n", "+reclaimed 5 bytes\r\n",
       "+reclaimed 5 bytes\r\n"},
      {[](auto& e) { e.pong(); }, "+PONG\r\n", "+PONG\r\n", "+PONG\r\n"},
      {[](auto& e) { e.queued(); }, "+QUEUED\r\n", "+QUEUED\r\n", "+QUEUED\r\n"},
      {[](auto& e) { e.integer(-2); }, "+INT -2\r\n", ":-2\r\n", ":-2\r\n"},
      {[](auto& e) { e.integer(std::numeric_limits<std::int64_t>::min()); }, "+INT -9223372036854775808\r\n",
       ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
      {[](auto& e) { e.new_version(18446744073709551615u); }, "+OK 18446744073709551615\r\n",
       ":18446744073709551615\r\n", ":18446744073709551615\r\n"},
      {[](auto& e) { e.value("a\r\nb\0\xff"s, 7); }, "+VALUE 6 7\r\na\r\nb\0\xff\r\n"s,
       "$6\r\na\r\nb\0\xff\r\n"s, "$6\r\na\r\nb\0\xff\r\n"s},
      {[](auto& e) { e.value("", 1); }, "+VALUE 0 1\r\n\r\n", "$0\r\n\r\n", "$0\r\n\r\n"},
      {[](auto& e) { e.not_found(); }, "-NOTFOUND no such key\r\n", "$-1\r\n", "_\r\n"},
      {[](auto& e) { e.multi(3); }, "+MULTI 3\r\n", "*3\r\n", "*3\r\n"},
      {[](auto& e) { e.echo("a \"b\"\n"); }, "+TEXT 1\r\na \\\"b\\\"\\n\r\n", "$6\r\na \"b\"\n\r\n",
       "$6\r\na \"b\"\n\r\n"},
      {[](auto& e) { e.error(errors::not_an_integer()); }, "-NOTINT not an integer of 64 bits\r\n",
       "-ERR value is not an integer or out of range\r\n",
       "-ERR value is not an integer or out of range\r\n"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.text);
    EXPECT_EQ(encode(ReplyFormat::kText, one.write), one.text);
    EXPECT_EQ(encode(ReplyFormat::kResp2, one.write), one.resp2);
    EXPECT_EQ(encode(ReplyFormat::kResp3, one.write), one.resp3);
  }
}

TEST(ReplyEncoderTest, HasRespTypes) {
  const std::vector<Case> cases = {
      {[](auto& e) { e.simple("PONG"); }, "", "+PONG\r\n", "+PONG\r\n"},
      {[](auto& e) { e.bulk("abc"); }, "", "$3\r\nabc\r\n", "$3\r\nabc\r\n"},
      {[](auto& e) { e.array(0); }, "", "*0\r\n", "*0\r\n"},
      {[](auto& e) { e.map(2); }, "", "*4\r\n", "%2\r\n"},
      {[](auto& e) { e.set(2); }, "", "*2\r\n", "~2\r\n"},
      {[](auto& e) { e.nil(); }, "", "$-1\r\n", "_\r\n"},
      {[](auto& e) { e.nil_array(); }, "", "*-1\r\n", "_\r\n"},
      {[](auto& e) { e.verbatim("abc"); }, "", "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.resp2);
    EXPECT_EQ(encode(ReplyFormat::kResp2, one.write), one.resp2);
    EXPECT_EQ(encode(ReplyFormat::kResp3, one.write), one.resp3);
  }
}

std::string encode_text(const Write& write) { return encode(ReplyFormat::kText, write); }

TEST(ReplyEncoderTest, ListsNamesThatCantBreakTheirLine) {
  EXPECT_EQ(encode_text([](auto& e) {
              e.list_head(8, true);
              for (const auto& name :
                   {"plain"s, ""s, "a b"s, "a\nb"s, "\"q\""s, "back\\slash"s, "\0\x1f\x7f"s, "\xc3\xa4"s}) {
                e.name(name);
              }
            }),
            "+LIST 8 more\r\n"
            "plain\r\n"
            "\"\"\r\n"
            "\"a b\"\r\n"
            "\"a\\nb\"\r\n"
            "\"\\\"q\\\"\"\r\n"
            "\"back\\\\slash\"\r\n"
            "\"\\0\\x1f\\x7f\"\r\n"
            "\xc3\xa4\r\n");
  EXPECT_EQ(encode_text([](auto& e) { e.list_head(0, false); }), "+LIST 0\r\n");
}

TEST(ReplyEncoderTest, ListsPairsWithTheirBytes) {
  EXPECT_EQ(encode_text([](auto& e) {
              e.pairs_head(3, false);
              append_pair(e, "a b", "x\r\ny", 9);
              append_pair(e, "c", "", 10);
              e.pair_error("d", ErrorCode::kCorrupt);
            }),
            "+PAIRS 3\r\n\"a b\" 4 9\r\nx\r\ny\r\nc 0 10\r\n\r\nd -CORRUPT\r\n");
}

TEST(ReplyEncoderTest, CountsTheLinesOfABlock) {
  const auto text = [](std::string_view block) { return encode_text([&](auto& e) { e.text(block); }); };
  EXPECT_EQ(text(""), "+TEXT 0\r\n");
  EXPECT_EQ(text("a"), "+TEXT 1\r\na\r\n");
  EXPECT_EQ(text("a\n"), "+TEXT 1\r\na\r\n");
  EXPECT_EQ(text("\n"), "+TEXT 1\r\n\r\n");
  EXPECT_EQ(text("a b\n\nc"), "+TEXT 3\r\na b\r\n\r\nc\r\n");
  EXPECT_EQ(text("a\r\nb\r\n"), "+TEXT 2\r\na\r\nb\r\n");
  EXPECT_EQ(text("a\tb\\"), "+TEXT 1\r\na\\tb\\\\\r\n");
}

TEST(ReplyEncoderTest, KeepsAMessageOnItsLine) {
  const ErrorReply error = errors::io_error("read of a\r\nb\x1b[2J failed");
  EXPECT_EQ(encode_text([&](auto& e) { e.error(error); }), "-IOERR read of a  b [2J failed\r\n");
  EXPECT_EQ(encode(ReplyFormat::kResp2, [&](auto& e) { e.error(error); }),
            "-IOERR read of a  b\x1b[2J failed\r\n");
  EXPECT_EQ(encode(ReplyFormat::kResp3, [](auto& e) { e.simple("a\nb"); }), "+a b\r\n");
}

TEST(ReplyEncoderTest, SaysAnErrorThatOnlyOneDialectHasInTheOther) {
  const ErrorReply only_text{ErrorCode::kBusy, "try again", ""};
  const ErrorReply only_resp{ErrorCode::kUnknown, "", "ERR unknown command"};
  EXPECT_EQ(encode(ReplyFormat::kResp2, [&](auto& e) { e.error(only_text); }), "-ERR try again\r\n");
  EXPECT_EQ(encode_text([&](auto& e) { e.error(only_resp); }), "-UNKNOWN ERR unknown command\r\n");
}

}  // namespace
}  // namespace minikv::protocol
