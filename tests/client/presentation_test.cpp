// What people are shown for each kind of reply, for help and for completion.
#include "client/presentation.h"

#include <string>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/lib/reply_reader.h"
#include "client/line_editor.h"

namespace minikv::client {
namespace {

Presentation shown(std::string_view line, std::string_view reply_bytes, Style style = Style::kPeople) {
  ReplyReader reader;
  reader.feed(reply_bytes);
  Reply reply;
  EXPECT_EQ(reader.next(reply), ReplyReader::Outcome::kReply) << reply_bytes;
  return present(std::get<Request>(request_from_line(line)), reply, style);
}

struct Example {
  std::string line;
  std::string reply;
  std::string text;
  Verdict verdict = Verdict::kOk;
  bool is_message = false;
};

TEST(PresentationTest, OfEachReply) {
  using enum Verdict;
  const Example examples[] = {
      {"set k v", "+OK\r\n", "OK\n"},
      {"put k 1 ver 3", "+OK 9\r\n", "OK 9\n"},
      {"compact", "+OK reclaimed 0 bytes in 2 ms\r\n", "Compaction finished\n"},
      {"ping", "+PONG\r\n", "PONG\n"},
      {"get k", "+VALUE 2 1\r\n\x1b\xff\r\n", "\x1b\xff\n"},
      {"get k", "-NOTFOUND no such key\r\n", "Key not found\n", kNotFound, true},
      {"get k", "-CORRUPT the value of k is damaged\r\n", "Error: the value of k is damaged (CORRUPT)\n",
       kFailed, true},
      {"get k", "-BUSY\r\n", "Error: BUSY\n", kFailed, true},
      {"delete k", "+INT 1\r\n", "Deleted\n"},
      {"del k", "+INT 0\r\n", "Key not found\n", kNotFound, true},
      {"delete a b c", "+INT 2\r\n", "Deleted 2 of 3\n"},
      {"delete a b c", "+INT 0\r\n", "Deleted 0 of 3\n", kNotFound},
      {"delprefix a", "+INT 1\r\n", "Deleted 1 key\n"},
      {"delprefix a", "+INT 0\r\n", "Deleted 0 keys\n", kNotFound},
      {"exists k", "+INT 0\r\n", "0\n", kNotFound},
      {"exists k k", "+INT 2\r\n", "2\n"},
      {"decr k", "+INT 0\r\n", "0\n"},
      {"mget a b", "+MULTI 2\r\n+VALUE 1 1\r\nx\r\n-NOTFOUND no\r\n", "x\nKey not found\n", kNotFound},
      {"mget a b", "+MULTI 2\r\n-CORRUPT bad\r\n-NOTFOUND no\r\n", "Error: bad (CORRUPT)\nKey not found\n",
       kFailed},
      {"list", "+LIST 0\r\n", "Keys (0):\n"},
      {"list", "+LIST 2\r\nage\r\n\"a b\"\r\n", "Keys (2):\n  age\n  \"a b\"\n"},
      {"list limit 1", "+LIST 1 more\r\nage\r\n",
       "Keys (1):\n  age\nThere are more: list limit 1 after age\n"},
      {"scan a", "+PAIRS 2\r\na 3 1\r\none\r\n\"a b\" 0 2\r\n\r\n", "Pairs (2):\n  a = one\n  \"a b\" = \n"},
      {"scan a", "+PAIRS 1\r\na -CORRUPT\r\n", "Pairs (1):\n  a: no value (CORRUPT)\n", kFailed},
      {"echo x", "+TEXT 1\r\na\\tb\r\n", "a\tb\n"},
      {"stats", "+TEXT 3\r\n# Store\r\nkeys: 12\r\nbytes_on_disk 5\r\n",
       "# Store\nkeys           12\nbytes_on_disk  5\n"},
      {"exec", "+MULTI 2\r\n+OK\r\n+INT 0\r\n", "OK\n0\n"},
      {"delete k", "+QUEUED\r\n", "QUEUED\n"},
      {"novel k", "+INT 0\r\n", "0\n"},
      {"novel k", "+SOMETHING else\r\n", "SOMETHING else\n"},
  };
  for (const Example& example : examples) {
    const Presentation result = shown(example.line, example.reply);
    EXPECT_EQ(result.text, example.text) << example.line << " " << example.reply;
    EXPECT_EQ(result.verdict, example.verdict) << example.line << " " << example.reply;
    EXPECT_EQ(result.is_message, example.is_message) << example.line << " " << example.reply;
  }
}

TEST(PresentationTest, RawIsTheBytesAndNothingElse) {
  EXPECT_EQ(shown("get k", "+VALUE 3 1\r\na\nb\r\n", Style::kRaw).text, "a\nb");
  EXPECT_EQ(shown("list", "+LIST 2\r\nage\r\n\"a b\"\r\n", Style::kRaw).text, "age\n\"a b\"\n");
  EXPECT_EQ(shown("stats", "+TEXT 1\r\nkeys: 12\r\n", Style::kRaw).text, "keys: 12\n");
  // For a person, beside what a program reads.
  const Presentation part = shown("list", "+LIST 1 more\r\nage\r\n", Style::kRaw);
  EXPECT_EQ(part.text, "age\n");
  EXPECT_EQ(part.note, "There are more: list after age\n");
}

TEST(ContinuationTest, GoesOnAfterTheLastName) {
  const auto next = [](std::string_view line, const Reply& reply) {
    return continuation(std::get<Request>(request_from_line(line)), reply);
  };
  const Reply names{.kind = Reply::Kind::kList, .more = true, .items = {"a", "b c"}};
  EXPECT_EQ(next("list", names), "list after \"b c\"");
  EXPECT_EQ(next("list \"limit\" limit 2 after after", names), "list \"limit\" limit 2 after \"b c\"");

  const Reply pairs{
      .kind = Reply::Kind::kPairs, .more = true, .pairs = {{"a", "1", 1, ""}, {"b", "2", 2, ""}}};
  EXPECT_EQ(next("scan x limit 2", pairs), "scan x limit 2 after b");
  EXPECT_EQ(next("range - +", pairs), "range \"b\\0\" +");
  EXPECT_EQ(next("range a \"+\" limit 2 reverse", pairs), "range a \"b\" limit 2 reverse");
  EXPECT_EQ(next("novel", pairs), "");
}

TEST(TableTest, AlignsItsColumnsAndGivesLongCellsALineOfTheirOwn) {
  const std::vector<Row> rows = {{"a", "1"}, {"bbb", "2"}, {"too long", "3"}, {"a heading that is long", ""}};
  EXPECT_EQ(format_table(rows, 4), "a    1\nbbb  2\ntoo long\n     3\na heading that is long\n");
  EXPECT_EQ(format_table({}, 4), "");
}

TEST(HelpTest, ShowsEveryVerbWithASummary) {
  const std::string overview = help_overview();
  for (std::string_view verb : completions("")) {
    const std::string one = help_for(verb);
    ASSERT_FALSE(one.empty()) << verb;
    EXPECT_THAT(overview, testing::HasSubstr(one.substr(0, one.find('\n')))) << verb;
  }
  EXPECT_THAT(help_for("DEL"), testing::HasSubstr("delete key"));
  EXPECT_EQ(help_for("novel"), "") << "left to the server";
}

TEST(CompletionTest, OffersTheVerbsThatBeginSo) {
  EXPECT_THAT(completions("DEL"), testing::IsSupersetOf({"del", "delete"}));
  EXPECT_THAT(completions("compa"), testing::ElementsAre("compact"));
  EXPECT_THAT(completions("get k"), testing::IsEmpty());
}

}  // namespace
}  // namespace minikv::client
