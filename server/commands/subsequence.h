// The longest common subsequence of two strings: as many bytes as possible that both have, in the same order.
//
// The table of the lengths for all pairs of beginnings is computed 64 cells at a time (H. Hyyrö,
// "Bit-Parallel LCS-length Computation Revisited", 2004): neighbours in a row differ by 0 or 1, so that a row
// is a string of bits. Beyond being quick that makes the table small: a bit a cell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minikv::server {

// Redis' table has 4 bytes a cell, and must not take more than a value may: so much do the lengths, each with
// 1 added, multiply to at most. Ours takes a thirty-second of it then; or, if one string is shorter than 8
// bytes, as much as the other one. All functions here want strings that fit.
bool subsequence_fits(std::size_t a_bytes, std::size_t b_bytes, std::size_t max_value_bytes);

std::size_t subsequence_length(std::string_view a, std::string_view b);

// A part of the one that is found in both: from where it begins in each.
struct CommonPart {
  std::uint32_t in_a = 0;
  std::uint32_t in_b = 0;
  std::uint32_t bytes = 0;

  bool operator==(const CommonPart&) const = default;
};

// From the last to the first. Where several subsequences are as long, it is the one that Redis answers with.
std::vector<CommonPart> common_parts(std::string_view a, std::string_view b);

// The parts, put together.
std::string join_parts(std::string_view a, const std::vector<CommonPart>& parts);

}  // namespace minikv::server
