// Opens, kills and asks the store of an accepting machine.
#include "tests/engine/accepting_machine.h"

#include <algorithm>

#include "engine/format/manifest.h"

namespace minikv::sim {

using engine::ManifestSegment;
using engine::SegmentState;

Status AcceptingMachine::open(bool accepts, bool records_snapshots) {
  if (records_snapshots) files_->record_snapshots();
  Options options = tools_options();
  options.accept_data_loss = accepts;
  options.file_system = files_.get();
  options.clock = &clock_;
  options.log = [this](LogLevel, std::string_view line) { log.emplace_back(line); };
  log.clear();
  auto opened = Store::open(kStoreDirectory, options);
  if (opened) store = std::move(*opened);
  return opened.status();
}

void AcceptingMachine::crash(CrashMode mode) {
  SimDisk left = disk();
  files_->crash_at_call(files_->calls() + 1);
  store.reset();
  files_ = std::make_unique<SimFileSystem>(left.after_crash(mode));
}

Answers AcceptingMachine::answers(const std::set<std::string>& keys) const {
  Answers answers;
  for (const std::string& key : keys) {
    const auto value = store->get(key);
    answers[key] = value                                     ? "=" + value->data
                   : value.code() == StatusCode::kNotFound   ? "none"
                   : value.code() == StatusCode::kCorruption ? "lost"
                                                             : value.status().message();
  }
  return answers;
}

Answers answers_of(const Repaired& repaired, const std::set<std::string>& keys) {
  Answers answers;
  for (const std::string& key : keys) {
    const auto saved = repaired.saved.find(key);
    answers[key] = saved != repaired.saved.end()    ? "=" + saved->second.value
                   : repaired.corrupt.contains(key) ? "lost"
                                                    : "none";
  }
  return answers;
}

std::uint64_t accepted_segments(const SimDisk& disk) {
  const auto segments = manifest_of(disk).segments;
  return static_cast<std::uint64_t>(
      std::count_if(segments.begin(), segments.end(), [](const ManifestSegment& entry) {
        return entry.state == SegmentState::kSealed && entry.accepted_loss != 0;
      }));
}

}  // namespace minikv::sim
