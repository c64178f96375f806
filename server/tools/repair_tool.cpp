// minikvd repair: saves what can be saved to a new directory, and says what is lost.
#include <filesystem>

#include <fmt/format.h>

#include "engine/tools/repair.h"
#include "server/tools/tool_output.h"
#include "server/tools/tool_text.h"
#include "server/tools/tools.h"

namespace minikv::server {
namespace {

using engine::LostValue;
using engine::Repair;

// Whether `inner` lies within `outer`. repair must not write to the old store's directory, and so not below
// it.
bool is_within(const std::string& inner, const std::string& outer) {
  std::error_code ignored;
  const auto child = std::filesystem::weakly_canonical(inner, ignored) / "";
  const auto parent = std::filesystem::weakly_canonical(outer, ignored) / "";
  return child.native().starts_with(parent.native());
}

std::string render_outcome(const ToolRequest& request, const Repair& repair) {
  std::string text =
      fmt::format("Saved {} to {} ({}, {}).\n", counted(repair.saved_keys, "key"), request.new_directory,
                  counted(repair.saved_segments, "segment"), counted(repair.saved_bytes, "byte"));
  if (!repair.lost.empty()) {
    text +=
        fmt::format("Lost {}; such keys {}:\n", counted(repair.lost.size(), "value"),
                    request.drop_damaged ? "were left out" : "answer CORRUPT until they are set or deleted");
  }
  for (const LostValue& lost : repair.lost) {
    text += fmt::format("    {} ({}, sequence {}, {})\n", quote(lost.key), engine::name_of(lost.type),
                        lost.sequence, engine::name_of(lost.reason));
  }
  if (repair.doubtful_keys > 0) {
    text += fmt::format(
        "{} may have an older value than they should, or should have been deleted: their records are older "
        "than what is "
        "missing in the places above that name no key.\n",
        counted(repair.doubtful_keys, "saved key"));
  }
  return text;
}

std::string as_text(const ToolRequest& request, const Repair& repair) {
  std::string text;
  for (const engine::Finding& finding : repair.findings) text += render_finding(finding);
  return text + render_summary(repair.summary) + render_outcome(request, repair);
}

std::string as_json(const ToolRequest& request, const Repair& repair) {
  Json lost = Json::array();
  for (const LostValue& value : repair.lost) {
    Json object;
    add_bytes(object, "key", value.key);
    object["type"] = engine::name_of(value.type);
    object["sequence"] = value.sequence;
    object["reason"] = engine::name_of(value.reason);
    lost.push_back(std::move(object));
  }
  Json findings = Json::array();
  for (const engine::Finding& finding : repair.findings) findings.push_back(finding_as_json(finding));
  return to_text({{"store", request.directory},
                  {"new_store", request.new_directory},
                  {"clean", repair.is_clean()},
                  {"locked", repair.was_locked},
                  {"saved_keys", repair.saved_keys},
                  {"saved_segments", repair.saved_segments},
                  {"saved_bytes", repair.saved_bytes},
                  {"next_sequence", repair.next_sequence},
                  {"lost", lost},
                  {"lost_are", request.drop_damaged ? "left-out" : "corrupt"},
                  {"doubtful_keys", repair.doubtful_keys},
                  {"summary", summary_as_json(repair.summary)},
                  {"findings", findings}}) +
         "\n";
}

}  // namespace

int run_repair(const ToolRequest& request) {
  if (is_within(request.new_directory, request.directory)) {
    return tool_failed({StatusCode::kInvalidArgument,
                        request.new_directory + ": lies within the damaged store, which is not written to"});
  }
  engine::RepairOptions options;
  options.drop_damaged = request.drop_damaged;
  Result<Repair> repair = Status(StatusCode::kIoError, "not run");
  {
    ProgressLine progress("repair");
    repair = engine::repair_store(engine::FileSystem::posix(), request.directory, request.new_directory,
                                  options, progress.callback());
  }
  if (!repair) return tool_failed(repair.status());
  Output output;
  output.write(request.json ? as_json(request, *repair) : as_text(request, *repair));
  if (!output.finish()) return tool_failed({StatusCode::kIoError, "standard output could not be written"});
  return repair->is_clean() ? kToolClean : kToolDamage;
}

}  // namespace minikv::server
