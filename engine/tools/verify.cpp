// An inspection that keeps its findings and nothing else.
#include "engine/tools/verify.h"

#include <algorithm>

#include "engine/tools/key_table.h"

namespace minikv::engine {

bool Verification::is_clean() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.is_damage(); });
}

Result<Verification> verify_store(FileSystem& file_system, const std::string& directory,
                                  const Progress& progress) {
  MINIKV_ASSIGN_OR_RETURN(auto files, StoreFiles::open(file_system, directory));
  Inspection inspection(files, nullptr, progress);
  MINIKV_TRY(inspection.run());
  Verification result{std::move(inspection.findings()), inspection.summary(), files.is_locked()};

  // Whether a damaged record matters depends on what else there is of its key.
  std::set<std::string, std::less<>> keys;
  for (const Finding& finding : result.findings) {
    if (finding.effect == Effect::kKeyLost) keys.insert(finding.key);
  }
  if (keys.empty()) return result;
  KeyTable table(std::move(keys));
  Inspection again(files, &table, progress);
  MINIKV_TRY(again.run());
  table.decide();
  decide_effects(result.findings, table);
  return result;
}

}  // namespace minikv::engine
