// Bytes in quotes, or in base64 for JSON; findings as sentences and as JSON.
#include "server/tools/tool_text.h"

#include <algorithm>

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "protocol/quoting.h"

namespace minikv::server {
namespace {

bool is_ascii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_utf8(std::string_view bytes) {
  if (is_ascii(bytes)) return true;
  try {
    (void)Json(std::string(bytes)).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

// Half a sentence about where the finding is.
std::string place_of(const engine::Finding& finding) {
  std::string place = finding.file;
  if (finding.has_offset) place += fmt::format(" at offset {}", finding.offset);
  if (finding.length != 0) place += fmt::format(" ({})", counted(finding.length, "byte"));
  return place;
}

std::string subject_of(const engine::Finding& finding) {
  std::string subject;
  if (finding.has_key)
    subject = fmt::format("key {}, {}, ", quote(finding.key), engine::name_of(finding.type));
  if (finding.last_sequence > finding.first_sequence) {
    subject += fmt::format("sequences {} to {}", finding.first_sequence, finding.last_sequence);
  } else if (finding.first_sequence != 0) {
    subject +=
        fmt::format("sequence {}{}", finding.first_sequence, finding.last_sequence == 0 ? " and on" : "");
  }
  return subject;
}

}  // namespace

std::string quote(std::string_view bytes) {
  std::string text = "\"";
  if (is_utf8(bytes)) {
    protocol::append_escaped(text, bytes);
  } else {
    for (const char c : bytes) {
      if (static_cast<unsigned char>(c) < 0x80) {
        protocol::append_escaped(text, {&c, 1});
      } else {
        text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
  }
  return text + '"';
}

void add_bytes(Json& object, const std::string& name, std::string_view bytes) {
  if (is_utf8(bytes)) {
    object[name] = bytes;
  } else {
    object[name + "_base64"] = absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
  }
}

std::string to_text(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string render_finding(const engine::Finding& finding) {
  std::string text =
      fmt::format("{}{}: {}\n", finding.is_damage() ? "" : "note: ", place_of(finding), finding.what);
  if (const std::string subject = subject_of(finding); !subject.empty())
    text += fmt::format("    {}\n", subject);
  // The findings about what stood at an unreadable place tell what it costs.
  if (finding.is_damage() && finding.kind != engine::FindingKind::kUnreadable) {
    text += fmt::format("    {}\n", engine::meaning_of(finding.effect));
  }
  return text;
}

Json finding_as_json(const engine::Finding& finding) {
  Json object;
  object["kind"] = engine::name_of(finding.kind);
  object["damage"] = finding.is_damage();
  object["effect"] = engine::name_of(finding.effect);
  object["file"] = finding.file;
  if (finding.has_offset) object["offset"] = finding.offset;
  if (finding.length != 0) object["length"] = finding.length;
  if (finding.has_key) {
    add_bytes(object, "key", finding.key);
    object["type"] = engine::name_of(finding.type);
  }
  if (finding.first_sequence != 0) object["first_sequence"] = finding.first_sequence;
  if (finding.last_sequence != 0) object["last_sequence"] = finding.last_sequence;
  object["what"] = finding.what;
  return object;
}

std::string render_summary(const engine::InspectionSummary& summary) {
  return fmt::format("{}, {}, {}: {} put, {} delete, {} expire, {} range delete, {} lost\n",
                     counted(summary.segments, "segment"), counted(summary.bytes, "byte"),
                     counted(summary.records, "record"), summary.puts, summary.deletes, summary.expires,
                     summary.range_deletes, summary.lost);
}

Json summary_as_json(const engine::InspectionSummary& summary) {
  return {{"segments", summary.segments},
          {"bytes", summary.bytes},
          {"frames", summary.frames},
          {"records", summary.records},
          {"puts", summary.puts},
          {"deletes", summary.deletes},
          {"expires", summary.expires},
          {"range_deletes", summary.range_deletes},
          {"lost", summary.lost},
          {"torn_bytes", summary.torn_bytes},
          {"newest_sequence", summary.newest_sequence},
          {"newest_time_ms", summary.newest_time_ms}};
}

}  // namespace minikv::server
