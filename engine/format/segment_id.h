// The ids that tell the segments of one store from each other.
#pragma once

#include <cassert>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace minikv::engine {

// Ids begin with 1 and are never used again. They have 32 bits, since the index has no room for more. A
// default id names no segment.
class SegmentId {
 public:
  constexpr SegmentId() = default;
  // `number` must have 32 bits at most: a number that comes from a file is checked before.
  constexpr explicit SegmentId(std::uint64_t number) : number_(static_cast<std::uint32_t>(number)) {
    assert(number <= UINT32_MAX);
  }

  constexpr std::uint32_t number() const { return number_; }
  constexpr SegmentId next() const { return SegmentId(std::uint64_t{number_} + 1); }

  friend constexpr auto operator<=>(SegmentId, SegmentId) = default;

 private:
  std::uint32_t number_ = 0;
};
static_assert(sizeof(SegmentId) == sizeof(std::uint32_t));

// No file and no manifest has it, but the missing log does (engine/files/missing_log.h).
inline constexpr SegmentId kNoSegment;

// The highest number in a manifest. The margin behind it is left for the ids that one incarnation of a store
// uses up.
inline constexpr std::uint64_t kMaxSegmentId = (std::uint64_t{1} << 32) - (1 << 20);

}  // namespace minikv::engine

template <>
struct std::hash<minikv::engine::SegmentId> {
  std::size_t operator()(minikv::engine::SegmentId id) const noexcept { return id.number(); }
};
