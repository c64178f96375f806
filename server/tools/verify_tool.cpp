// minikvd verify: every finding, and the verdict in a sentence.
#include <algorithm>

#include <fmt/format.h>

#include "engine/tools/verify.h"
#include "server/tools/tool_output.h"
#include "server/tools/tool_text.h"
#include "server/tools/tools.h"

namespace minikv::server {
namespace {

using engine::Effect;
using engine::Verification;

std::string verdict(const Verification& verification) {
  const auto count = [&](auto is_counted) {
    return static_cast<std::uint64_t>(
        std::count_if(verification.findings.begin(), verification.findings.end(), is_counted));
  };
  const auto count_effect = [&](Effect effect) {
    return count([effect](const engine::Finding& finding) { return finding.effect == effect; });
  };
  const std::uint64_t damaged = count([](const engine::Finding& finding) { return finding.is_damage(); });
  const std::uint64_t keys_lost = count_effect(Effect::kKeyLost);
  const std::uint64_t nameless = count_effect(Effect::kNameless);
  const std::uint64_t accepted = count_effect(Effect::kAccepted);
  const std::uint64_t blocking = count_effect(Effect::kBlocking);
  if (damaged == 0) return "No damage.\n";
  std::string text = fmt::format("Damage in {}: ", counted(damaged, "place"));
  text +=
      keys_lost == 0 ? "no value is known to be lost" : fmt::format("{} lost", counted(keys_lost, "value"));
  if (nameless > 0)
    text += fmt::format(", {} where it can't be told which keys that concerns", counted(nameless, "place"));
  if (accepted > 0) text += fmt::format(", {} where that was accepted", counted(accepted, "place"));
  text += ".\n";
  if (nameless + blocking > 0) {
    text += "minikvd refuses to open this store. \"minikvd repair DIR NEW_DIR\" saves what can be saved.\n";
  }
  return text;
}

std::string as_text(const Verification& verification) {
  std::string text;
  for (const engine::Finding& finding : verification.findings) text += render_finding(finding);
  if (!verification.was_locked) {
    text +=
        "note: LOCK is missing, as in a backup, and this file system can't lock directories: nothing kept "
        "others from "
        "changing the store meanwhile\n";
  }
  return text + render_summary(verification.summary) + verdict(verification);
}

std::string as_json(const ToolRequest& request, const Verification& verification) {
  Json findings = Json::array();
  for (const engine::Finding& finding : verification.findings) findings.push_back(finding_as_json(finding));
  return to_text({{"store", request.directory},
                  {"clean", verification.is_clean()},
                  {"locked", verification.was_locked},
                  {"summary", summary_as_json(verification.summary)},
                  {"findings", findings}}) +
         "\n";
}

}  // namespace

int run_verify(const ToolRequest& request) {
  Result<Verification> verification = Status(StatusCode::kIoError, "not run");
  {
    ProgressLine progress("verify");
    verification = engine::verify_store(engine::FileSystem::posix(), request.directory, progress.callback());
  }
  if (!verification) return tool_failed(verification.status());
  Output output;
  output.write(request.json ? as_json(request, *verification) : as_text(*verification));
  if (!output.finish()) return tool_failed({StatusCode::kIoError, "standard output could not be written"});
  return verification->is_clean() ? kToolClean : kToolDamage;
}

}  // namespace minikv::server
