// The text dialect: which bytes make which request, and which make which error.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/protocol/conversation.h"

namespace minikv::protocol::testing {
namespace {

using namespace std::string_literals;

struct Case {
  std::string bytes;
  Results results;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    SCOPED_TRACE(one.bytes);
    EXPECT_EQ(parse(one.bytes), one.results);
    EXPECT_EQ(parse_in_pieces(one.bytes, 1), one.results);
  }
}

// What an error leaves behind: the next request is understood.
void expect_error_in_step(const std::string& bytes, const std::string& error) {
  SCOPED_TRACE(bytes);
  EXPECT_EQ(parse(bytes + "ping\n"), (Results{"error " + error, "ping"}));
}

TEST(TextParserTest, EndsALineAtLfOrCrlf) {
  expect_all({
      {"get k\n", {"get <k>"}},
      {"get k\r\n", {"get <k>"}},
      {"get k\nget l\r\nget m\n", {"get <k>", "get <l>", "get <m>"}},
      {"set k v\r\n", {"set <k> <v>"}},
      {"set k v\r\r\n", {R"(set <k> <v\r>)"}},
  });
}

TEST(TextParserTest, DoesNotExecuteALineWithoutItsEnd) {
  expect_all({{"get k", {}}, {"get k\r", {}}, {"ping\nset k v", {"ping"}}, {"put k 3\nabc", {}}});
}

TEST(TextParserTest, SkipsLineEndsBetweenRequests) {
  expect_all({
      {"\n\r\n\n\r\nping\n\n\n\r\nping\n", {"ping", "ping"}},
      {"put k 2\nab\n\r\n\nping\n", {"put <k> <ab>", "ping"}},
      {"\r\n", {}},
  });
}

TEST(TextParserTest, IgnoresALineOfSpaces) { expect_all({{"   \n \r\nping\n", {"ping"}}}); }

TEST(TextParserTest, TakesVerbsInAnyCase) {
  expect_all({{"GET k\n", {"get <k>"}},
              {"gEt k\n", {"get <k>"}},
              {"DEL k\n", {"delete <k>"}},
              {"Exit\n", {"quit"}}});
}

TEST(TextParserTest, SeparatesTokensAtAnyNumberOfSpaces) {
  expect_all({
      {"  get   k  \n", {"get <k>"}},
      {"mget a  b   c\r\n", {"mget <a> <b> <c>"}},
      {"get a\tb\n", {R"(get <a\tb>)"}},
      {"get \x01\xff\n", {"get <\\x01\xff>"}},
      {"get a\"b\n", {R"(get <a\"b>)"}},
      {"get a\\n\n", {R"(get <a\\n>)"}},
  });
}

TEST(TextParserTest, UnescapesQuotedStrings) {
  expect_all({
      {"get \"a b\"\n", {R"(get "a b")"}},
      {"get \"\"\n", {R"(get "")"}},
      {"mget \"a\" b \"c\"\n", {R"(mget "a" <b> "c")"}},
      {R"(get "\n\r\t\0\"\\\x7f\xAb")"s + "\n", {"get \"\\n\\r\\t\\0\\\"\\\\\\x7f\xab\""}},
      {"mget \"\\x41\" \"\\x42\" \"\\x43\"\n", {R"(mget "A" "B" "C")"}},
      {"get \"a\0b\"\n"s, {R"(get "a\0b")"}},
  });
}

TEST(TextParserTest, RefusesOtherEscapes) {
  const std::string error = R"(-USAGE get key (the escapes are \n \r \t \0 \" \\ \xHH))";
  for (const char* key : {R"("\a")", R"("\N")", R"("\x4")", R"("\x4g")", R"("\x")", R"("\1")", R"("\ ")"}) {
    expect_error_in_step("get "s + key + "\n", error);
  }
  expect_error_in_step(R"(set k "\q")"s + "\n",
                       R"(-USAGE set key value... (the escapes are \n \r \t \0 \" \\ \xHH))");
}

TEST(TextParserTest, RefusesMalformedTokens) {
  expect_error_in_step("get \"a\n", "-USAGE get key (a quoted string has no closing quote)");
  expect_error_in_step("get \"\n", "-USAGE get key (a quoted string has no closing quote)");
  expect_error_in_step("get \"a\\\"\n", "-USAGE get key (a quoted string has no closing quote)");
  expect_error_in_step("get \"a\"b\n", "-USAGE get key (a space must follow a closing quote)");
  expect_error_in_step("get \"a\"\"b\"\n", "-USAGE get key (a space must follow a closing quote)");
  expect_error_in_step("get a\0b\n"s, R"(-USAGE get key (CR and NUL must be written "\r" and "\0"))");
  expect_error_in_step("get a\rb\n", R"(-USAGE get key (CR and NUL must be written "\r" and "\0"))");
  expect_error_in_step("set \"k v\n", "-USAGE set key value... (a quoted string has no closing quote)");
  expect_error_in_step("set \"k\"v\n", "-USAGE set key value... (a space must follow a closing quote)");
}

TEST(TextParserTest, TakesTheRestOfTheLineVerbatim) {
  expect_all({
      {"set k v\n", {"set <k> <v>"}},
      {"set k  two  words \n", {"set <k> < two  words >"}},
      {"set   k v\n", {"set <k> <v>"}},
      {"set k \n", {"set <k> <>"}},
      {"set k \r\n", {"set <k> <>"}},
      {"set k a\"b\"\n", {R"(set <k> <a\"b\">)"}},
      {"set k a\\nb\n", {R"(set <k> <a\\nb>)"}},
      {"set k a\0b\n"s, {R"(set <k> <a\0b>)"}},
      {"set k a\rb\n", {R"(set <k> <a\rb>)"}},
      {"set \"a key\" v w\n", {R"(set "a key" <v w>)"}},
      {"set \"a\\\"key\" v\n", {R"(set "a\"key" <v>)"}},
      {"setnx k v w\n", {"setnx <k> <v w>"}},
      {"append k  v\n", {"append <k> < v>"}},
      {"setex k 10 v w\n", {"setex <k> <10> <v w>"}},
      {"setex  k   10 \n", {"setex <k> <10> <>"}},
      {"cas k 7  v\n", {"cas <k> <7> < v>"}},
      {"echo a  b \n", {"echo <a  b >"}},
      {"echo  a\n", {"echo < a>"}},
      {"echo \n", {"echo <>"}},
  });
}

TEST(TextParserTest, UnescapesARestThatIsExactlyOneQuotedString) {
  expect_all({
      {"set k \"a\\nb\"\n", {R"(set <k> "a\nb")"}},
      {"set k \"\"\n", {R"(set <k> "")"}},
      {"set k \"a\" \n", {R"(set <k> <\"a\" >)"}},
      {"set k  \"a\"\n", {R"(set <k> < \"a\">)"}},
      {"set k \"a\"b\"\n", {R"(set <k> <\"a\"b\">)"}},
      {"set k \"a\" \"b\"\n", {R"(set <k> <\"a\" \"b\">)"}},
      {"set k \"a\n", {R"(set <k> <\"a>)"}},
      {"set k \"\n", {R"(set <k> <\">)"}},
      {"set k \"a\\\"\n", {R"(set <k> <\"a\\\">)"}},
      {"set k \"a\\q\" b\n", {R"(set <k> <\"a\\q\" b>)"}},
      {"set \"k\\n\" \"v\\n\"\n", {R"(set "k\n" "v\n")"}},
      {"echo \"a\\tb\"\n", {R"(echo "a\tb")"}},
  });
}

TEST(TextParserTest, RefusesWrongNumbersOfArgumentsWithTheUsageLine) {
  expect_error_in_step("set k\n", "-USAGE set key value...");
  expect_error_in_step("set\n", "-USAGE set key value...");
  expect_error_in_step("set  \n", "-USAGE set key value...");
  expect_error_in_step("setex k 10\n", "-USAGE setex key seconds value...");
  expect_error_in_step("cas k\n", "-USAGE cas key version value...");
  expect_error_in_step("echo\n", "-USAGE echo text...");
  expect_error_in_step("get\n", "-USAGE get key");
  expect_error_in_step("get a b\n", "-USAGE get key");
  expect_error_in_step("mget\n", "-USAGE mget key [key...]");
  expect_error_in_step("ping x\n", "-USAGE ping");
  expect_error_in_step("incrby k\n", "-USAGE incrby key n");
  expect_error_in_step("list a limit 1 after b c\n", "-USAGE list [prefix] [limit n] [after key]");
}

TEST(TextParserTest, TellsOptionsFromQuotedKeys) {
  expect_all({
      {"list\n", {"list"}},
      {"list limit 3\n", {"list <limit> <3>"}},
      {"list \"limit\" limit 3 after \"after\"\n", {R"(list "limit" <limit> <3> <after> "after")"}},
      {"range - + limit 5 reverse\n", {"range <-> <+> <limit> <5> <reverse>"}},
      {"range \"-\" \"+\"\n", {R"(range "-" "+")"}},
  });
}

TEST(TextParserTest, RefusesUnknownVerbs) {
  expect_error_in_step("frob a b\n", "-UNKNOWN unknown verb frob; help lists the verbs");
  expect_error_in_step("getx k\n", "-UNKNOWN unknown verb getx; help lists the verbs");
  expect_error_in_step("\"get\" k\n", R"(-UNKNOWN unknown verb "\"get\""; help lists the verbs)");
  expect_error_in_step(" *1\n", "-UNKNOWN unknown verb *1; help lists the verbs");
  expect_error_in_step("mset a b\n", "-UNKNOWN unknown verb mset; help lists the verbs");
  expect_error_in_step("get\0k\n"s, R"(-UNKNOWN unknown verb "get\0k"; help lists the verbs)");
  expect_error_in_step(std::string(1000, 'x') + "\n",
                       "-UNKNOWN unknown verb " + std::string(128, 'x') + "; help lists the verbs");
}

TEST(TextParserTest, ClosesAtAFirstByteOfNeitherDialect) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_request = (byte >= 0x20 && byte < 0x7f) || c == '\n' || c == '\r';
    if (is_request) continue;
    SCOPED_TRACE(byte);
    const Results results = parse(std::string(1, c) + "ping\n");
    ASSERT_EQ(results.size(), 1u);
    EXPECT_TRUE(results[0].starts_with("close -UNKNOWN ")) << results[0];
  }
  EXPECT_EQ(
      parse("ping\n\x16\x03\x01\x02"),
      (Results{"ping",
               "close -UNKNOWN a request can't begin with byte 0x16; speak text or RESP, without TLS"}));
  EXPECT_EQ(parse("\rping\n").size(), 1u) << "a CR alone is no line end";
}

TEST(TextParserTest, ClosesWithoutAMessageOnWhatLooksLikeHttp) {
  for (const char* line :
       {"GET / HTTP/1.1", "GET / HTTP/1.0", "PUT /k HTTP/2", "OPTIONS * http/1.1", "POST / x", "POST",
        "post /", "Host: example.org", "HOST:x", "set k HTTP/1.1", "GET / HTTP/1.1 "}) {
    SCOPED_TRACE(line);
    const std::string bytes = line + "\r\nset stolen 1\r\n"s;
    EXPECT_EQ(parse(bytes), Results{"close"});
    EXPECT_EQ(parse_in_pieces(bytes, 1), Results{"close"});
  }
}

TEST(TextParserTest, TakesWhatOnlyMentionsHttp) {
  expect_all({
      {"set k HTTP/1.1 is old\n", {"set <k> <HTTP/1.1 is old>"}},
      {"set k \"HTTP/1.1\"\n", {R"(set <k> "HTTP/1.1")"}},
      {"get HTTP/\n", {"get <HTTP/>"}},
      {"get xHTTP/1.1\n", {"get <xHTTP/1.1>"}},
      {"get host:\n", {"get <host:>"}},
      {"get post\n", {"get <post>"}},
      {"put k 8\nHTTP/1.1\n", {"put <k> <HTTP/1.1>"}},
  });
}

}  // namespace
}  // namespace minikv::protocol::testing
