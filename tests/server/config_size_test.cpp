// Numbers and sizes as people write them.
#include <gtest/gtest.h>

#include "server/config/size.h"

namespace minikv::server {
namespace {

TEST(ConfigSizeTest, ReadsBytesAndBinaryUnitsInAnyCase) {
  const struct {
    const char* text;
    std::uint64_t bytes;
  } rows[] = {
      {"0", 0},
      {"4096", 4096},
      {"4096B", 4096},
      {"1KiB", 1024},
      {"512kib", 512 * 1024},
      {"64MiB", 64 * 1024 * 1024},
      {"64 MiB", 64 * 1024 * 1024},
      {"2GiB", 2ULL * 1024 * 1024 * 1024},
      {"18446744073709551615", UINT64_MAX},
      {"17179869183GiB", 17179869183ULL << 30},
  };
  for (const auto& row : rows) {
    const auto parsed = parse_size(row.text);
    ASSERT_TRUE(parsed) << row.text << ": " << parsed.status().message();
    EXPECT_EQ(*parsed, row.bytes) << row.text;
  }
}

TEST(ConfigSizeTest, RefusesWhatIsNoSizeAndSaysWhy) {
  const struct {
    const char* text;
    const char* reason;
  } rows[] = {
      {"", "is not a size (write 4096, 512KiB, 64MiB or 2GiB)"},
      {"MiB", "is not a size (write 4096, 512KiB, 64MiB or 2GiB)"},
      {"lots", "is not a size (write 4096, 512KiB, 64MiB or 2GiB)"},
      {" 64MiB", "is not a size (write 4096, 512KiB, 64MiB or 2GiB)"},
      {"64 ", "is not a size (write 64MiB)"},
      {"-1", "is negative"},
      {"1.5MiB", "has an unknown unit (write B, KiB, MiB or GiB)"},
      {"64MiBs", "has an unknown unit (write B, KiB, MiB or GiB)"},
      {"1TiB", "has an unknown unit (write B, KiB, MiB or GiB)"},
      {"18446744073709551616", "is too large"},
      {"17179869184GiB", "is too large"},
  };
  for (const auto& row : rows) {
    const auto parsed = parse_size(row.text);
    ASSERT_FALSE(parsed) << row.text;
    EXPECT_EQ(parsed.status().message(), row.reason) << row.text;
  }
}

// 1000 or 1024? Neither: the operator says which.
TEST(ConfigSizeTest, RefusesAmbiguousUnitsAndNamesTheClearOne) {
  for (const char* text : {"64k", "64K", "64kb", "64KB"}) {
    EXPECT_EQ(parse_size(text).status().message(), "has a unit that may mean 1000s or 1024s (write 64KiB)")
        << text;
  }
  EXPECT_EQ(parse_size("64M").status().message(), "has a unit that may mean 1000s or 1024s (write 64MiB)");
  EXPECT_EQ(parse_size("2gb").status().message(), "has a unit that may mean 1000s or 1024s (write 2GiB)");
}

TEST(ConfigSizeTest, WritesTheLargestUnitThatLosesNothing) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1023), "1023");
  EXPECT_EQ(format_size(1024), "1KiB");
  EXPECT_EQ(format_size(65'535), "65535");
  EXPECT_EQ(format_size(64 << 20), "64MiB");
  EXPECT_EQ(format_size(1536 << 10), "1536KiB");
  EXPECT_EQ(format_size(3ULL << 30), "3GiB");
}

TEST(ConfigSizeTest, WhatIsWrittenIsReadBack) {
  for (std::uint64_t bytes = 1; bytes != 0; bytes <<= 1) {
    for (const std::uint64_t near : {bytes - 1, bytes, bytes + 1}) {
      const auto parsed = parse_size(format_size(near));
      ASSERT_TRUE(parsed) << near;
      EXPECT_EQ(*parsed, near);
    }
  }
}

TEST(ConfigSizeTest, IntegersAreDigitsOnly) {
  EXPECT_EQ(*parse_integer("0"), 0U);
  EXPECT_EQ(*parse_integer("7379"), 7379U);
  for (const char* text : {"", " 1", "1 ", "+1", "0x10", "1e3", "1.5", "seven"}) {
    EXPECT_EQ(parse_integer(text).status().message(), "is not a whole number") << text;
  }
  EXPECT_EQ(parse_integer("-1").status().message(), "is negative");
  EXPECT_EQ(parse_integer("99999999999999999999").status().message(), "is too large");
}

}  // namespace
}  // namespace minikv::server
