// Computes a checksum over the offsets of the gaps.
#include "engine/segment/survey.h"

#include <algorithm>

#include "engine/format/crc32c.h"
#include "engine/format/object_bytes.h"
#include "engine/segment/segment_walk.h"

namespace minikv::engine {
namespace {

struct Stretch {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::uint32_t add_to_loss(std::uint32_t loss, const Stretch& stretch) {
  return std::max<std::uint32_t>(crc32c(bytes_of(stretch), loss), 1);
}

class Surveyor final : public WalkVisitor {
 public:
  explicit Surveyor(std::uint64_t bytes) : bytes_(bytes) { survey.end = std::min(survey.end, bytes); }

  void frame(std::uint64_t, const FrameAt& frame) override {
    if (frame.kind == FrameAt::Kind::kWhole) survey.end = frame.end;
    if (frame.end > bytes_) gap(bytes_, frame.end);
  }
  void record(const RecordView& record, bool) override {
    const std::uint64_t sequence = record.header.sequence;
    survey.min_seq = survey.min_seq == 0 ? sequence : std::min(survey.min_seq, sequence);
    survey.max_seq = std::max(survey.max_seq, sequence);
    const std::uint64_t end = std::min(record.offset + record.bytes(), bytes_);
    survey.end = std::max(survey.end, end);
    // Where the range ends is not known.
    if (record.header.type == RecordType::kRangeDelete && !record.value_intact) gap(record.offset, end);
  }
  void gap(std::uint64_t begin, std::uint64_t end) override {
    survey.loss = add_to_loss(survey.loss, {begin, end});
  }

  Survey survey;

 private:
  const std::uint64_t bytes_;
};

}  // namespace

Result<Survey> survey_segment(const File& file, const SegmentIdentity& identity, std::uint64_t bytes) {
  SegmentReader reader(file, bytes);
  Surveyor surveyor(bytes);
  MINIKV_TRY(walk_segment(reader, identity, sizeof(SegmentHeader), surveyor));
  return surveyor.survey;
}

std::uint32_t loss_of_cut(std::uint64_t file_bytes, std::uint64_t size) {
  return add_to_loss(0, {file_bytes, size});
}

}  // namespace minikv::engine
