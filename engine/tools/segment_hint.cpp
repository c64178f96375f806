// What a hint says of the keys in bytes that can not be read.
#include "engine/tools/segment_hint.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/format/file_names.h"

namespace minikv::engine {
namespace {

bool says_the_same(const HintEntry& entry, const RecordView& record) {
  const RecordHeader& a = entry.header;
  const RecordHeader& b = record.header;
  return entry.key == record.key && a.type == b.type && a.sequence == b.sequence && a.version == b.version &&
         a.expiry_ms == b.expiry_ms && a.value_length == b.value_length &&
         a.value_checksum == b.value_checksum;
}

Finding finding_of(const std::string& file, std::string what) {
  return {FindingKind::kHint, Effect::kNothingLost, std::move(what), file};
}

}  // namespace

SegmentHint::SegmentHint(Hint hint) : hint_(std::move(hint)) {
  hint_.for_each([this](const HintEntry& entry) {
    by_offset_.emplace(entry.offset, Known{entry});
    if (entry.header.type == RecordType::kRangeDelete) return true;
    Newest& newest = by_key_[entry.key];
    newest.of_any = std::max(newest.of_any, rank_of(entry.header));
    if (entry.header.type != RecordType::kExpire)
      newest.of_value = std::max(newest.of_value, rank_of(entry.header));
    return true;
  });
}

Result<std::unique_ptr<SegmentHint>> SegmentHint::load(FileSystem& file_system, const std::string& directory,
                                                       const SegmentFile& segment, const StoreId& store_id,
                                                       std::vector<Finding>& findings) {
  std::unique_ptr<SegmentHint> none;
  if (!segment.is_sealed()) return none;
  const std::string name = hint_name(id_of(segment.entry));
  auto opened = file_system.open(directory + "/" + name, OpenMode::kRead);
  if (opened.code() == StatusCode::kNotFound) return none;
  if (!opened) return opened.status();
  const TolerantFile file(std::move(*opened));
  MINIKV_ASSIGN_OR_RETURN(const auto size, file.size());
  std::string bytes(static_cast<std::size_t>(size), '\0');
  MINIKV_TRY(file.read(0, bytes));
  for (const ByteRange& range : file.unreadable()) findings.push_back(unreadable_finding(name, range));

  const HintIdentity identity = hint_identity(store_id, segment.entry);
  auto hint = parse_hint(std::move(bytes), &identity);
  if (!hint) {
    findings.push_back(
        finding_of(name, fmt::format("the hint is of no use: {}; the next start reads the segment itself",
                                     hint.status().message())));
    return none;
  }
  return std::unique_ptr<SegmentHint>(new SegmentHint(std::move(*hint)));
}

const HintEntry* SegmentHint::find(std::uint64_t offset) const {
  const auto found = by_offset_.find(offset);
  return found == by_offset_.end() ? nullptr : &found->second.entry;
}

bool SegmentHint::saw(const RecordView& record) {
  if (const auto found = by_offset_.find(record.offset); found != by_offset_.end()) {
    found->second.is_seen = true;
    return says_the_same(found->second.entry, record);
  }
  if (record.header.type == RecordType::kRangeDelete) return true;  // a wider one may stand for it
  const auto newest = by_key_.find(record.key);
  if (newest == by_key_.end()) return false;
  const bool is_expire = record.header.type == RecordType::kExpire;
  return (is_expire ? newest->second.of_any : newest->second.of_value) >= rank_of(record.header);
}

void SegmentHint::for_each_unseen(const std::function<void(const HintEntry&)>& visit) const {
  for (const auto& [offset, known] : by_offset_) {
    if (!known.is_seen) visit(known.entry);
  }
}

}  // namespace minikv::engine
