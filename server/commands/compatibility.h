// Who we say we are to clients that ask for Redis: libraries choose what they send by this.
#pragma once

#include <string_view>

namespace minikv::server {

inline constexpr std::string_view kRedisName = "redis";
inline constexpr std::string_view kRedisVersion = "7.0.0";

}  // namespace minikv::server
