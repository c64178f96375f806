// Files of segments, and the graveyard.
#include "engine/segment/segment.h"

#include <array>

#include "engine/format/object_bytes.h"

namespace minikv::engine {

Result<std::unique_ptr<File>> create_segment_file(FileSystem& file_system, const std::string& path,
                                                  const SegmentHeader& header) {
  if (Status removed = file_system.remove(path); !removed && removed.code() != StatusCode::kNotFound) {
    return removed;
  }
  auto file = file_system.open(path, OpenMode::kCreate);
  if (!file) return file.status();
  MINIKV_TRY((*file)->write(0, std::array{bytes_of(header)}));
  return file;
}

Result<std::unique_ptr<Segment>> open_segment(OpenFiles& files, const std::string& path, OpenMode mode,
                                              SegmentIdentity identity, SegmentKind kind,
                                              std::uint64_t length) {
  MINIKV_ASSIGN_OR_RETURN(auto file, files.open(path, mode));
  MINIKV_ASSIGN_OR_RETURN(auto mapping, file->map(length));
  return std::make_unique<Segment>(identity, kind, path, std::move(file), std::move(mapping));
}

void Graveyard::add(std::unique_ptr<Segment> segment) noexcept {
  MutexLock lock(mutex_);
  segment->next_dead_ = std::move(first_);
  first_ = std::move(segment);
  empty_.store(false, std::memory_order_release);
  if (wake_) wake_();
}

void Graveyard::set_wake(std::function<void()> wake) {
  MutexLock lock(mutex_);
  wake_ = std::move(wake);
}

std::vector<std::unique_ptr<Segment>> Graveyard::take() {
  MutexLock lock(mutex_);
  std::size_t count = 0;
  for (const Segment* segment = first_.get(); segment != nullptr; segment = segment->next_dead_.get())
    ++count;
  std::vector<std::unique_ptr<Segment>> taken(count);
  // In the order in which they came.
  while (first_ != nullptr) {
    taken[--count] = std::move(first_);
    first_ = std::move(taken[count]->next_dead_);
  }
  empty_.store(true, std::memory_order_release);
  return taken;
}

std::shared_ptr<Segment> share_segment(std::unique_ptr<Segment> segment,
                                       std::shared_ptr<Graveyard> graveyard) {
  return {segment.release(),
          [yard = std::move(graveyard)](Segment* last) { yard->add(std::unique_ptr<Segment>(last)); }};
}

}  // namespace minikv::engine
