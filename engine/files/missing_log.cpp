// A segment without a file.
#include "engine/files/missing_log.h"

#include <utility>

#include "engine/core/full_disk.h"

namespace minikv::engine {
namespace {

class NoMapping final : public Mapping {
 public:
  std::uint64_t length() const override { return 0; }
  Status copy(std::uint64_t, std::span<char>) const override {
    return {StatusCode::kIoError, "there is no log that could be read"};
  }
};

class NoFile final : public File {
 public:
  explicit NoFile(std::string directory) : directory_(std::move(directory)) {}

  Result<std::uint64_t> size() const override { return std::uint64_t{0}; }
  Status read(std::uint64_t, std::span<char>) const override {
    return {StatusCode::kIoError, "there is no log that could be read"};
  }
  Status write(std::uint64_t, std::span<const std::string_view>) override {
    return disk_full(directory_, "there is no room for a log, not even for deletes");
  }
  Status sync() override { return {}; }
  Status truncate(std::uint64_t) override { return {}; }
  void drop_cache() override {}
  Result<std::unique_ptr<Mapping>> map(std::uint64_t) const override {
    return std::unique_ptr<Mapping>(std::make_unique<NoMapping>());
  }

 private:
  const std::string directory_;
};

}  // namespace

std::unique_ptr<Segment> make_missing_log(const std::shared_ptr<OpenFiles>& files,
                                          const std::string& directory) {
  auto file = std::make_unique<DataFile>(files, directory, std::make_shared<NoFile>(directory));
  auto segment = std::make_unique<Segment>(SegmentIdentity{kNoSegment, 0}, SegmentKind::kLog, directory,
                                           std::move(file), std::make_unique<NoMapping>());
  segment->used_bytes.store(sizeof(SegmentHeader), std::memory_order_relaxed);
  return segment;
}

}  // namespace minikv::engine
