// Quoted strings: what is written reads back as the same bytes.
#include "protocol/quoting.h"

#include <string>

#include <gtest/gtest.h>

namespace minikv::protocol {
namespace {

std::string written_as(std::string_view name) {
  std::string out;
  append_quoted_if_needed(out, name);
  return out;
}

TEST(QuotingTest, EveryByteReadsBackAsItself) {
  for (int byte = 0; byte < 256; ++byte) {
    SCOPED_TRACE(byte);
    const std::string bytes{'a', ' ', static_cast<char>(byte), '1'};
    const std::string written = written_as(bytes);
    ASSERT_EQ(written.front(), '"');
    ASSERT_EQ(find_closing_quote(written), written.size() - 1);
    std::string back;
    ASSERT_TRUE(append_unescaped(back, std::string_view(written).substr(1, written.size() - 2)));
    EXPECT_EQ(back, bytes);
  }
}

TEST(QuotingTest, WrittenNamesHoldNoControlBytes) {
  for (int byte = 0; byte < 256; ++byte) {
    for (char c : written_as(std::string(1, static_cast<char>(byte)))) {
      EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << byte;
    }
  }
}

TEST(QuotingTest, QuotesOnlyWhereNeeded) {
  for (const char* plain : {"a", "user:1", "'", "limit", "-", "\xff"}) EXPECT_EQ(written_as(plain), plain);
  EXPECT_EQ(written_as(""), "\"\"");
  EXPECT_EQ(written_as(" "), "\" \"");
  EXPECT_EQ(written_as("\""), R"("\"")");
}

TEST(QuotingTest, HexEscapesTakeDigitsOfEitherCase) {
  std::string out;
  EXPECT_TRUE(append_unescaped(out, R"(\x4a\x4A\xFf)"));
  EXPECT_EQ(out, "JJ\xff");
}

TEST(QuotingTest, FindsTheClosingQuoteBehindEscapes) {
  EXPECT_EQ(find_closing_quote(R"("a\"b" c)"), 5u);
  EXPECT_EQ(find_closing_quote(R"("a\\" c")"), 4u);
  EXPECT_EQ(find_closing_quote(R"("a\")"), std::string_view::npos);
  EXPECT_EQ(find_closing_quote(R"("a\)"), std::string_view::npos);
  EXPECT_EQ(find_closing_quote("\""), std::string_view::npos);
}

}  // namespace
}  // namespace minikv::protocol
