// Makes and parses the names of a store's files.
#include "engine/format/file_names.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/format/manifest.h"

namespace minikv::engine {
namespace {

constexpr std::string_view kNamePrefix = "segment-", kSegmentSuffix = ".dat", kHintSuffix = ".hint";

std::string name_of(std::uint64_t id, std::string_view suffix) {
  return fmt::format("{}{:08}{}", kNamePrefix, id, suffix);
}

std::uint64_t parse_name(std::string_view name, std::string_view suffix) {
  if (!name.starts_with(kNamePrefix) || !name.ends_with(suffix)) return 0;
  const std::string_view digits =
      name.substr(kNamePrefix.size(), name.size() - kNamePrefix.size() - suffix.size());
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  const bool is_canonical =
      error == std::errc() && end == digits.data() + digits.size() && name_of(id, suffix) == name;
  return is_canonical ? id : 0;
}

}  // namespace

std::string segment_name(std::uint64_t id) { return name_of(id, kSegmentSuffix); }
std::string hint_name(std::uint64_t segment_id) { return name_of(segment_id, kHintSuffix); }
std::uint64_t parse_segment_name(std::string_view name) { return parse_name(name, kSegmentSuffix); }
std::uint64_t parse_hint_name(std::string_view name) { return parse_name(name, kHintSuffix); }

bool is_temporary_name(std::string_view name) {
  if (name == ManifestFile::kTemporaryName) return true;
  if (!name.ends_with(kTemporarySuffix)) return false;
  const std::string_view final_name = name.substr(0, name.size() - kTemporarySuffix.size());
  return parse_segment_name(final_name) != 0 || parse_hint_name(final_name) != 0;
}

}  // namespace minikv::engine
