// Damaged stretches, by the hint or by the records that are still whole.
#include "engine/compaction/salvage.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "engine/core/hint_file.h"
#include "engine/format/file_names.h"
#include "engine/segment/segment_walk.h"
#include "engine/segment/survey.h"

namespace minikv::engine {

Status Salvage::compare_with_accepted_loss() {
  if (input_.accepted_loss == 0) return {};
  MINIKV_ASSIGN_OR_RETURN(const Survey survey,
                          survey_segment(segment_.file(), segment_.identity(), reader_.size()));
  gives_up_loss_ = std::max<std::uint32_t>(survey.loss, 1) == input_.accepted_loss;
  return {};
}

Status Salvage::take(std::uint64_t begin, std::uint64_t end, const Take& take) {
  const auto hint = read_hint(context_.file_system, context_.directory + "/" + hint_name(id_of(input_)),
                              hint_identity(store_id_, input_));
  if (hint) {
    context_.log.error("{}: damaged at offset {}; its hint says of which keys", segment_.path(), begin);
    return take_from_hint(*hint, begin, end, take);
  }
  if (!gives_up_loss_) {
    return {StatusCode::kCorruption,
            fmt::format(
                "{}: damaged at offset {}, and there is no hint that says of which keys: compaction leaves "
                "the segment as it is",
                segment_.path(), begin)};
  }
  context_.log.warn("{}: damaged at offset {}; what can't be read is given up, as was accepted",
                    segment_.path(), begin);
  return take_what_names_itself(begin, std::min(end, reader_.size()), take);
}

Status Salvage::take_from_hint(const Hint& hint, std::uint64_t begin, std::uint64_t end, const Take& take) {
  Status status;
  std::string bytes;
  hint.for_each([&](const HintEntry& entry) {
    if (entry.offset < begin || entry.offset >= end) return true;
    RecordView record;
    record.header = entry.header;
    record.offset = entry.offset;
    record.key = entry.key;
    record.value = entry.value;
    record.value_intact = entry.header.type != RecordType::kPut;
    // The record may be sound, although the stretch is not.
    bytes.resize(sizeof(RecordHeader) + entry.key.size() + entry.header.value_length);
    if (segment_.file().read(entry.offset, bytes)) {
      if (const auto sound = parse_record(bytes, segment_.identity(), entry.offset)) record = *sound;
    }
    status = take(record);
    return status.is_ok();
  });
  return status;
}

// Takes the records that recovery has found when the store was opened.
Status Salvage::take_what_names_itself(std::uint64_t begin, std::uint64_t end, const Take& take) {
  class Taker final : public WalkVisitor {
   public:
    explicit Taker(const Take& take) : take_(take) {}
    void frame(std::uint64_t, const FrameAt&) override {}
    void gap(std::uint64_t, std::uint64_t) override {}
    void record(const RecordView& record, bool) override {
      if (status) status = take_(record);
    }
    Status status;

   private:
    const Take& take_;
  };
  Taker taker(take);
  MINIKV_TRY(walk_records(reader_, segment_.identity(), begin, end, taker));
  return taker.status;
}

}  // namespace minikv::engine
