// Makes and parses the names of a store's files.
#include "engine/format/file_names.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/format/manifest.h"

namespace minikv::engine {
namespace {

constexpr std::string_view kNamePrefix = "segment-", kSegmentSuffix = ".dat", kHintSuffix = ".hint";

std::string name_of(SegmentId id, std::string_view suffix) {
  return fmt::format("{}{:08}{}", kNamePrefix, id.number(), suffix);
}

SegmentId parse_name(std::string_view name, std::string_view suffix) {
  if (!name.starts_with(kNamePrefix) || !name.ends_with(suffix)) return kNoSegment;
  const std::string_view digits =
      name.substr(kNamePrefix.size(), name.size() - kNamePrefix.size() - suffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_number = error == std::errc() && end == digits.data() + digits.size();
  if (!is_number || number > kMaxSegmentId) return kNoSegment;
  const SegmentId id(number);
  return name_of(id, suffix) == name ? id : kNoSegment;
}

}  // namespace

std::string segment_name(SegmentId id) { return name_of(id, kSegmentSuffix); }
std::string hint_name(SegmentId id) { return name_of(id, kHintSuffix); }
SegmentId parse_segment_name(std::string_view name) { return parse_name(name, kSegmentSuffix); }
SegmentId parse_hint_name(std::string_view name) { return parse_name(name, kHintSuffix); }

bool is_temporary_name(std::string_view name) {
  if (name == ManifestFile::kTemporaryName) return true;
  if (!name.ends_with(kTemporarySuffix)) return false;
  const std::string_view final_name = name.substr(0, name.size() - kTemporarySuffix.size());
  return parse_segment_name(final_name) != kNoSegment || parse_hint_name(final_name) != kNoSegment;
}

}  // namespace minikv::engine
