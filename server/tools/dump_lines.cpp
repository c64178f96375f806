// The fields of each kind of line, and how JSON's fields become words.
#include "server/tools/dump_lines.h"

#include <ctime>

#include <absl/strings/escaping.h>
#include <fmt/chrono.h>

#include "minikv/transaction.h"

namespace minikv::server {
namespace {

std::string_view name_of(engine::SegmentKind kind) {
  return kind == engine::SegmentKind::kLog ? "log" : "compacted";
}

std::string_view name_of(engine::SegmentState state) {
  switch (state) {
    case engine::SegmentState::kSealed: return "sealed";
    case engine::SegmentState::kActive: return "active";
    case engine::SegmentState::kSpare: return "spare";
    case engine::SegmentState::kDropped: return "dropped";
  }
  return "unknown";
}

std::string hex(const std::uint8_t* bytes, std::size_t count) {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), count));
}

Json line(std::string_view kind, const engine::SegmentFile& segment) {
  return {{"kind", kind}, {"segment", segment.name}};
}

Json describe_entry(const engine::ManifestSegment& entry) {
  Json object = {{"id", entry.id},
                 {"kind", name_of(entry.kind)},
                 {"state", name_of(entry.state)},
                 {"size", entry.size},
                 {"min_sequence", entry.min_seq},
                 {"max_sequence", entry.max_seq},
                 {"salt", fmt::format("{:016x}", entry.salt)}};
  if (entry.accepted_loss != 0) object["accepted_loss"] = fmt::format("{:08x}", entry.accepted_loss);
  return object;
}

// The expiry is engine time, as the record has it, and also wall-clock time if the two differ.
void add_header(Json& object, const engine::RecordHeader& header, std::string_view key,
                const TimeLead& lead) {
  object["sequence"] = header.sequence;
  object["version"] = header.version;
  object["type"] = engine::name_of(header.type);
  object["flags"] = header.flags;
  object["expiry_ms"] = header.expiry_ms;
  if (lead.exists() && header.expiry_ms != kNoExpiry)
    object["expiry_wall_ms"] = lead.to_wall(header.expiry_ms);
  add_bytes(object, "key", key);
  object["value_length"] = header.value_length;
}

// The value of a range delete is the end of its range; that of a lost record is the type that was lost.
void add_value(Json& object, const engine::RecordHeader& header, std::string_view value, bool is_wanted) {
  if (header.type == engine::RecordType::kRangeDelete) {
    add_bytes(object, "to", value);
  } else if (header.type == engine::RecordType::kLost && value.size() == 1) {
    object["lost_type"] = engine::name_of(static_cast<engine::RecordType>(value.front()));
  } else if (is_wanted && header.type == engine::RecordType::kPut) {
    add_bytes(object, "value", value);
  }
}

bool is_of_bytes(std::string_view name) {
  return name.starts_with("key") || name.starts_with("value") || name.starts_with("to");
}

std::string time_in_words(std::int64_t ms) {
  constexpr std::int64_t kYear10000Ms = 253'402'300'800'000;
  if (ms <= 0 || ms >= kYear10000Ms) return fmt::format("{}", ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)),
                     ms % 1000);
}

std::string value_in_words(const std::string& name, const Json& value) {
  if (name.ends_with("_base64")) {
    std::string bytes;
    absl::Base64Unescape(value.get_ref<const std::string&>(), &bytes);
    return quote(bytes);
  }
  if (name.ends_with("_ms")) return time_in_words(value.get<std::int64_t>());
  if (!value.is_string()) return to_text(value);
  return is_of_bytes(name) ? quote(value.get_ref<const std::string&>()) : value.get<std::string>();
}

}  // namespace

Json describe_manifest_copy(const engine::ManifestCopy& copy) {
  Json object = {{"kind", "manifest"}, {"offset", copy.offset}, {"intact", copy.manifest.is_ok()}};
  if (!copy.manifest) {
    object["problem"] = copy.manifest.status().message();
    return object;
  }
  const engine::Manifest& manifest = *copy.manifest;
  object["generation"] = manifest.generation;
  object["store_id"] = hex(manifest.store_id.data(), manifest.store_id.size());
  object["compat_features"] = manifest.compat_features;
  object["incompat_features"] = manifest.incompat_features;
  object["next_segment_id"] = manifest.next_segment_id;
  object["sequence_limit"] = manifest.seq_limit;
  object["clean_sequence"] = manifest.clean_sequence;
  object["engine_time_ms"] = manifest.engine_time_ms;
  if (const TimeLead& lead = manifest.lead.lead; lead.exists()) {
    object["lead_wall_ms"] = lead.wall_ms;
    object["lead_engine_ms"] = lead.engine_ms;
  }
  object["segments"] = Json::array();
  for (const engine::ManifestSegment& entry : manifest.segments)
    object["segments"].push_back(describe_entry(entry));
  return object;
}

Json describe_segment(const engine::SegmentFile& segment) {
  Json object = line("segment", segment);
  object["is_there"] = segment.file != nullptr;
  object["file_size"] = segment.file_size;
  object["end"] = segment.end;
  object["segment_kind"] = name_of(segment.entry.kind);
  object["state"] = name_of(segment.entry.state);
  object["min_sequence"] = segment.entry.min_seq;
  object["max_sequence"] = segment.entry.max_seq;
  return object;
}

Json describe_hint_entry(const engine::SegmentFile& segment, const engine::HintEntry& entry,
                         const TimeLead& lead) {
  Json object = line("hint", segment);
  object["offset"] = entry.offset;
  add_header(object, entry.header, entry.key, lead);
  add_value(object, entry.header, entry.value, false);
  return object;
}

Json describe_frame(const engine::SegmentFile& segment, std::uint64_t offset, const engine::FrameAt& frame) {
  Json object = line("frame", segment);
  object["offset"] = offset;
  object["length"] = sizeof(engine::FrameHeader) + frame.header.body_length;
  object["records"] = frame.header.record_count;
  object["first_sequence"] = frame.header.first_sequence;
  object["watermark"] = frame.header.watermark;
  object["engine_time_ms"] = frame.header.engine_time_ms;
  object["state"] = frame.kind == engine::FrameAt::Kind::kWhole ? "good" : "damaged";
  return object;
}

Json describe_record(const engine::SegmentFile& segment, const engine::RecordView& record,
                     engine::RecordState state, bool with_value, const TimeLead& lead) {
  Json object = line("record", segment);
  object["offset"] = record.offset;
  add_header(object, record.header, record.key, lead);
  add_value(object, record.header, record.value, with_value);
  object["state"] = engine::name_of(state);
  return object;
}

Json describe_gap(const engine::SegmentFile& segment, std::uint64_t begin, std::uint64_t end) {
  Json object = line("damaged", segment);
  object["offset"] = begin;
  object["length"] = end - begin;
  return object;
}

std::string as_words(const Json& line) {
  std::string text;
  for (const auto& [name, value] : line.items()) {
    if (name == "kind" || name == "segment") {
      text += text.empty() ? "" : " ";
      text += value.get<std::string>();
      continue;
    }
    const bool is_bytes = name.ends_with("_base64");
    text +=
        fmt::format(" {} {}", is_bytes ? name.substr(0, name.size() - 7) : name, value_in_words(name, value));
  }
  return text;
}

}  // namespace minikv::server
