// The name and the version that clients of Redis are told: libraries choose by them what they send.
#pragma once

#include <string_view>

namespace minikv::server {

inline constexpr std::string_view kRedisName = "redis";
inline constexpr std::string_view kRedisVersion = "7.0.0";

}  // namespace minikv::server
