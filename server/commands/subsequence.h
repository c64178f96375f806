// The longest common subsequence of two strings: as many bytes as possible that both have, in the same order.
//
// The table of the lengths for all pairs of beginnings is computed 64 cells at a time (H. Hyyrö,
// "Bit-Parallel LCS-length Computation Revisited", 2004): neighbours in a row differ by 0 or 1, so that a row
// is a string of bits. That is quick, and makes the table small: a bit a cell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minikv::server {

// Whether Redis' table for the two strings is no larger than a value may be: it has 4 bytes a cell, and one
// row and one column more than the strings have bytes. The table here then takes a thirty-second of that; or,
// if one string is shorter than 8 bytes, as much as the other one. All functions here want strings that fit.
bool subsequence_fits(std::size_t a_bytes, std::size_t b_bytes, std::size_t max_value_bytes);

std::size_t subsequence_length(std::string_view a, std::string_view b);

// A part of the subsequence that is contiguous in both strings, and where it begins in each.
struct CommonPart {
  std::uint32_t in_a = 0;
  std::uint32_t in_b = 0;
  std::uint32_t bytes = 0;

  bool operator==(const CommonPart&) const = default;
};

// The parts of the longest common subsequence, from the last to the first. If several subsequences are as
// long, it is the one that Redis answers with.
std::vector<CommonPart> common_parts(std::string_view a, std::string_view b);

// The bytes of the parts, in the order of the strings.
std::string join_parts(std::string_view a, const std::vector<CommonPart>& parts);

}  // namespace minikv::server
