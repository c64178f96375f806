#include "engine/store/segment.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/format/hint.h"

namespace minikv::engine {
namespace {

constexpr std::string_view kSegmentPrefix = "segment-";
constexpr std::string_view kSegmentSuffix = ".dat";

}  // namespace

std::string segment_name(std::uint64_t id) {
  return fmt::format("{}{:08}{}", kSegmentPrefix, id, kSegmentSuffix);
}

std::uint64_t parse_segment_name(std::string_view name) {
  if (!name.starts_with(kSegmentPrefix) || !name.ends_with(kSegmentSuffix)) return 0;
  const std::string_view digits =
      name.substr(kSegmentPrefix.size(), name.size() - kSegmentPrefix.size() - kSegmentSuffix.size());
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  const bool is_canonical =
      error == std::errc() && end == digits.data() + digits.size() && segment_name(id) == name;
  return is_canonical ? id : 0;
}

bool is_temporary_name(std::string_view name) {
  if (!name.ends_with(kTemporarySuffix)) return false;
  const std::string_view final_name = name.substr(0, name.size() - kTemporarySuffix.size());
  return parse_segment_name(final_name) != 0 || parse_hint_name(final_name) != 0;
}

Result<std::unique_ptr<Segment>> open_segment(FileSystem& file_system, const std::string& path, OpenMode mode,
                                              SegmentIdentity identity, SegmentKind kind,
                                              std::uint64_t length) {
  auto file = file_system.open(path, mode);
  if (!file) return file.status();
  auto mapping = (*file)->map(length);
  if (!mapping) return mapping.status();
  return std::make_unique<Segment>(identity, kind, path, std::move(*file), std::move(*mapping), length);
}

void Graveyard::add(std::unique_ptr<Segment> segment) {
  MutexLock lock(mutex_);
  segments_.push_back(std::move(segment));
  empty_.store(false, std::memory_order_release);
  if (wake_) wake_();
}

void Graveyard::set_wake(std::function<void()> wake) {
  MutexLock lock(mutex_);
  wake_ = std::move(wake);
}

std::vector<std::unique_ptr<Segment>> Graveyard::take() {
  MutexLock lock(mutex_);
  empty_.store(true, std::memory_order_release);
  return std::exchange(segments_, {});
}

std::shared_ptr<Segment> share_segment(std::unique_ptr<Segment> segment,
                                       std::shared_ptr<Graveyard> graveyard) {
  return {segment.release(),
          [yard = std::move(graveyard)](Segment* last) { yard->add(std::unique_ptr<Segment>(last)); }};
}

}  // namespace minikv::engine
