// INCRBYFLOAT's numbers, as Redis reads and writes them.
#include "server/commands/decimal.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace minikv::server {
namespace {

TEST(DecimalTest, IsWrittenWithoutZerosAtTheEndAndWithoutExponent) {
  struct Case {
    long double number;
    std::string text;
  };
  for (const Case& one :
       {Case{0, "0"}, Case{-0.0L, "0"}, Case{-1e-18L, "0"}, Case{1e-18L, "0"}, Case{1e-30L, "0"},
        Case{3, "3"}, Case{-3.5L, "-3.5"}, Case{10.6L, "10.6"}, Case{100, "100"}, Case{0.1L + 0.2L, "0.3"},
        Case{1e-17L, "0.00000000000000001"}, Case{1e20L, "100000000000000000000"}}) {
    EXPECT_EQ(format_decimal(one.number), one.text);
  }
}

TEST(DecimalTest, TheLongestIsStillRead) {
  const std::string text = format_decimal(-std::numeric_limits<long double>::max());
  EXPECT_LE(text.size(), kMaxDecimalBytes);
  EXPECT_EQ(parse_decimal(text), -std::numeric_limits<long double>::max());
}

TEST(DecimalTest, WhatIsWrittenIsReadAsTheSame) {
  for (const char* text : {"0", "1", "-1", "0.5", "10.6", "-5000", "3.25", "0.00000000000000001"})
    EXPECT_EQ(format_decimal(parse_decimal(text).value()), text);
}

TEST(DecimalTest, ReadsWhatStrtoldReads) {
  EXPECT_EQ(parse_decimal("+1"), 1.0L);
  EXPECT_EQ(parse_decimal("5."), 5.0L);
  EXPECT_EQ(parse_decimal(".5"), 0.5L);
  EXPECT_EQ(parse_decimal("5.0e3"), 5000.0L);
  EXPECT_EQ(parse_decimal("0x1p-3"), 0.125L);
  EXPECT_EQ(parse_decimal("-0"), 0.0L);
  EXPECT_TRUE(std::isinf(parse_decimal("inf").value()));
  EXPECT_TRUE(std::isinf(parse_decimal("-Infinity").value()));
}

TEST(DecimalTest, RefusesTheRest) {
  for (const std::string& text :
       {std::string(), std::string("abc"), std::string(" 1"), std::string("\t1"), std::string("1 "),
        std::string("1\0", 2), std::string("1,5"), std::string("nan"), std::string("1e5000"),
        std::string("-1e5000"), std::string("1e-5000"), std::string(kMaxDecimalBytes + 1, '0')}) {
    EXPECT_FALSE(parse_decimal(text)) << text;
  }
  EXPECT_TRUE(parse_decimal(std::string(kMaxDecimalBytes, '0')));
}

}  // namespace
}  // namespace minikv::server
