// Every reply of the text dialect, however it is cut into pieces.
#include "client/lib/reply_reader.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/reply_encoder.h"

namespace minikv::client {
namespace {

using Kind = Reply::Kind;
using Outcome = ReplyReader::Outcome;

struct ReadExample {
  std::string_view bytes;
  Reply reply;
};

Reply value(std::string text, std::uint64_t version) {
  return {.kind = Kind::kValue, .text = std::move(text), .version = version};
}

Reply error(std::string code, std::string text) {
  return {.kind = Kind::kError, .text = std::move(text), .code = std::move(code)};
}

std::vector<ReadExample> examples() {
  using namespace std::string_literals;
  using namespace std::string_view_literals;
  return {
      {"+OK\r\n", {.kind = Kind::kOk}},
      {"+OK reclaimed 5 bytes in 1 ms\r\n", {.kind = Kind::kOk, .text = "reclaimed 5 bytes in 1 ms"}},
      {"+PONG\r\n", {.kind = Kind::kPong}},
      {"+QUEUED\r\n", {.kind = Kind::kQueued}},
      {"+INT -42\r\n", {.kind = Kind::kInteger, .integer = -42}},
      {"+VALUE 5 7\r\nAlice\r\n", value("Alice", 7)},
      {"+VALUE 0 18446744073709551615\r\n\r\n", value("", 18446744073709551615ULL)},
      {"+VALUE 9 1\r\na\r\n\0+OK\r\n\r\n"sv, value("a\r\n\0+OK\r\n"s, 1)},
      {"+LIST 0\r\n", {.kind = Kind::kList}},
      {"+LIST 3 more\r\nage\r\n\"a b\\n\"\r\n\"\"\r\n",
       {.kind = Kind::kList, .more = true, .items = {"age", "a b\n", ""}}},
      {"+PAIRS 3\r\n\"a b\" 2 9\r\n\r\n\r\nb -CORRUPT\r\nc 0 4\r\n\r\n",
       {.kind = Kind::kPairs, .pairs = {{"a b", "\r\n", 9, ""}, {"b", "", 0, "CORRUPT"}, {"c", "", 4, ""}}}},
      {"+MULTI 0\r\n", {.kind = Kind::kMulti}},
      {"+MULTI 3\r\n+VALUE 1 2\r\nx\r\n-NOTFOUND no such key\r\n+MULTI 1\r\n+LIST 1\r\nk\r\n",
       {.kind = Kind::kMulti,
        .replies = {value("x", 2),
                    error("NOTFOUND", "no such key"),
                    {.kind = Kind::kMulti, .replies = {{.kind = Kind::kList, .items = {"k"}}}}}}},
      {"+TEXT 2\r\nkeys: 1\r\n\\tsays \\\"hi\\\"\r\n",
       {.kind = Kind::kText, .items = {"keys: 1", "\tsays \"hi\""}}},
      {"-USAGE set key value...\r\n", error("USAGE", "set key value...")},
      {"-BUSY\r\n", error("BUSY", "")},
      {"+NOVELTY 1 2\r\n", {.kind = Kind::kOther, .text = "NOVELTY 1 2"}},
  };
}

TEST(ReplyReaderTest, ReadsEveryReplyAtEverySplitPoint) {
  for (const ReadExample& example : examples()) {
    for (std::size_t split = 0; split <= example.bytes.size(); ++split) {
      ReplyReader reader;
      Reply reply;
      reader.feed(example.bytes.substr(0, split));
      if (split < example.bytes.size()) {
        ASSERT_EQ(reader.next(reply), Outcome::kNeedMore) << example.bytes << " split at " << split;
        reader.feed(example.bytes.substr(split));
      }
      ASSERT_EQ(reader.next(reply), Outcome::kReply) << example.bytes << " split at " << split;
      EXPECT_EQ(reply, example.reply) << example.bytes << " split at " << split;
      EXPECT_EQ(reader.next(reply), Outcome::kNeedMore);
    }
  }
}

TEST(ReplyReaderTest, ReadsPipelinedRepliesByteByByteInOrder) {
  std::string all;
  for (const ReadExample& example : examples()) all += example.bytes;
  ReplyReader reader;
  std::vector<Reply> replies;
  for (char byte : all) {
    reader.feed({&byte, 1});
    Reply reply;
    while (reader.next(reply) == Outcome::kReply) replies.push_back(reply);
  }
  ASSERT_EQ(replies.size(), examples().size());
  for (std::size_t i = 0; i < replies.size(); ++i) EXPECT_EQ(replies[i], examples()[i].reply);
}

TEST(ReplyReaderTest, ReadsWhatTheServersEncoderWrites) {
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  protocol::ReplyBuffer encoded;
  protocol::ReplyEncoder encoder(protocol::ReplyFormat::kText, encoded);
  encoder.value(all_bytes, 3);
  encoder.list_head(1, false);
  encoder.name(all_bytes);
  encoder.pairs_head(2, true);
  all_bytes.copy(encoder.pair_to_fill(all_bytes, all_bytes.size(), 4).data(), all_bytes.size());
  encoder.pair_error(all_bytes, protocol::ErrorCode::kCorrupt);
  encoder.text_head(1);
  encoder.line(all_bytes);

  ReplyReader reader;
  reader.feed(encoded.str());
  Reply reply;
  ASSERT_EQ(reader.next(reply), Outcome::kReply);
  EXPECT_EQ(reply, value(all_bytes, 3));
  ASSERT_EQ(reader.next(reply), Outcome::kReply);
  EXPECT_EQ(reply, (Reply{.kind = Kind::kList, .items = {all_bytes}}));
  ASSERT_EQ(reader.next(reply), Outcome::kReply);
  EXPECT_EQ(reply, (Reply{.kind = Kind::kPairs,
                          .more = true,
                          .pairs = {{all_bytes, all_bytes, 4, ""}, {all_bytes, "", 0, "CORRUPT"}}}));
  ASSERT_EQ(reader.next(reply), Outcome::kReply);
  EXPECT_EQ(reply, (Reply{.kind = Kind::kText, .items = {all_bytes}}));
}

TEST(ReplyReaderTest, RecognizesWhatIsNotTheTextDialect) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "+MULTI 1\r\n";
  const std::string cases[] = {
      "HTTP/1.1 400 Bad Request\r\n",
      "$5\r\nAlice\r\n",
      "\r\n",
      "-\r\n",
      "+INT\r\n",
      "+INT 5x\r\n",
      "+INT 99999999999999999999\r\n",
      "+VALUE 5\r\nAlice\r\n",
      "+VALUE -5 1\r\n",
      "+VALUE 18446744073709551615 1\r\n",
      "+VALUE 3 1\r\nAlice\r\n",
      "+LIST x\r\n",
      "+LIST 1\r\n\"open\r\n",
      "+LIST 1\r\n\"bad \\q\"\r\n",
      "+PAIRS 1\r\nname\r\n",
      "+TEXT 1\r\n\\q\r\n",
      deep,
      std::string(9U << 20, 'x'),
  };
  for (const std::string& bytes : cases) {
    ReplyReader reader;
    Reply reply;
    reader.feed(bytes);
    EXPECT_EQ(reader.next(reply), Outcome::kMalformed) << bytes.substr(0, 40);
    EXPECT_FALSE(reader.problem().empty());
    EXPECT_EQ(reader.next(reply), Outcome::kMalformed) << "it stays so";
    reader.reset();
    reader.feed("+OK\r\n");
    EXPECT_EQ(reader.next(reply), Outcome::kReply) << "until it is reset";
  }
}

TEST(ReplyReaderTest, TakesNoMemoryForWhatIsOnlyAnnounced) {
  ReplyReader reader;
  Reply reply;
  reader.feed("+LIST 18446744073709551615\r\nk\r\n");
  EXPECT_EQ(reader.next(reply), Outcome::kNeedMore);
}

}  // namespace
}  // namespace minikv::client
