// The small parts of the server, each by itself.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/commands/arguments.h"
#include "server/request/errors.h"

namespace minikv::server {

TEST(ErrorsTest, EngineErrorsAreToldInBothDialects) {
  const struct {
    StatusCode code;
    std::string_view text_code;
    std::string_view resp_code;
  } kCases[] = {
      {StatusCode::kNotFound, "NOTFOUND", "NOTFOUND"}, {StatusCode::kCorruption, "CORRUPT", "CORRUPT"},
      {StatusCode::kIoError, "IOERR", "IOERR"},        {StatusCode::kDiskFull, "DISKFULL", "MISCONF"},
      {StatusCode::kReadOnly, "IOERR", "MISCONF"},     {StatusCode::kShutdown, "SHUTDOWN", "ERR"},
  };
  for (const auto& one : kCases) {
    const protocol::ErrorReply error = error_from(Status(one.code, "what happened"));
    EXPECT_EQ(protocol::error_code_name(error.code), one.text_code);
    EXPECT_TRUE(error.resp.starts_with(one.resp_code)) << error.resp;
  }
}

TEST(ExpiryTest, TimesThatDoNotFitAreRefused) {
  constexpr std::int64_t kNow = 1'700'000'000'000;
  EXPECT_FALSE(make_expiry(0, 1000, Expiry::Kind::kIn, kNow));
  EXPECT_FALSE(make_expiry(-1, 1, Expiry::Kind::kAt, kNow));
  EXPECT_FALSE(make_expiry(INT64_MAX / 1000 + 1, 1000, Expiry::Kind::kAt, kNow));
  EXPECT_FALSE(make_expiry(INT64_MAX - kNow + 1, 1, Expiry::Kind::kIn, kNow));
  EXPECT_TRUE(make_expiry(INT64_MAX - kNow, 1, Expiry::Kind::kIn, kNow));
  EXPECT_EQ(make_expiry(2, 1000, Expiry::Kind::kIn, kNow)->resolve(StoreTime{kNow, kNow, {}}, kNoExpiry),
            kNow + 2000);
  EXPECT_EQ((Expiry{Expiry::Kind::kAsBefore, 0}.resolve(StoreTime{kNow, kNow, {}}, 42)), 42);
  // The clock may have gone on since the length was checked.
  EXPECT_EQ(
      (Expiry{Expiry::Kind::kIn, INT64_MAX - kNow}.resolve(StoreTime{kNow + 5, kNow + 5, {}}, kNoExpiry)),
      INT64_MAX);
}

}  // namespace minikv::server
