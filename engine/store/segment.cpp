#include "engine/store/segment.h"

namespace minikv::engine {

Result<std::unique_ptr<Segment>> open_segment(OpenFiles& files, const std::string& path, OpenMode mode,
                                              SegmentIdentity identity, SegmentKind kind,
                                              std::uint64_t length) {
  auto file = files.open(path, mode);
  if (!file) return file.status();
  auto mapping = (*file)->map(length);
  if (!mapping) return mapping.status();
  return std::make_unique<Segment>(identity, kind, path, std::move(*file), std::move(*mapping));
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
