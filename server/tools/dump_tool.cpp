// minikvd dump: prints what an inspection of the store meets.
#include <algorithm>

#include "engine/tools/segment_hint.h"
#include "server/log/log.h"
#include "server/tools/dump_lines.h"
#include "server/tools/tool_output.h"
#include "server/tools/tools.h"

namespace minikv::server {
namespace {

class DumpSink final : public engine::InspectionSink {
 public:
  DumpSink(const ToolRequest& request, engine::StoreFiles& files, Output& output)
      : request_(request), files_(files), output_(output) {}

  void segment(const engine::SegmentFile& segment) override {
    print(describe_segment(segment));
    if (!request_.hints || !files_.manifest()) return;
    std::vector<engine::Finding> findings;
    const auto hint = engine::SegmentHint::load(files_.file_system(), files_.directory(), segment,
                                                files_.manifest()->store_id, findings);
    if (!hint || *hint == nullptr) return;
    (*hint)->hint().for_each([&](const engine::HintEntry& entry) {
      if (is_wanted(entry.key)) print(describe_hint_entry(segment, entry, lead()));
      return true;
    });
  }

  void frame(const engine::SegmentFile& segment, std::uint64_t offset,
             const engine::FrameAt& frame) override {
    if (request_.frames) print(describe_frame(segment, offset, frame));
  }

  void record(const engine::SegmentFile& segment, const engine::RecordView& record,
              engine::RecordState state) override {
    if (is_wanted(record.key)) print(describe_record(segment, record, state, request_.values, lead()));
  }

  void gap(const engine::SegmentFile& segment, std::uint64_t begin, std::uint64_t end) override {
    print(describe_gap(segment, begin, end));
  }

  void print(const Json& line) { output_.write((request_.json ? to_text(line) : as_words(line)) + "\n"); }

 private:
  bool is_wanted(std::string_view key) const {
    return request_.prefixes.empty() ||
           std::any_of(request_.prefixes.begin(), request_.prefixes.end(),
                       [key](const std::string& prefix) { return key.starts_with(prefix); });
  }

  TimeLead lead() const { return files_.manifest() ? files_.manifest()->lead.lead : TimeLead(); }

  const ToolRequest& request_;
  engine::StoreFiles& files_;
  Output& output_;
};

}  // namespace

int run_dump(const ToolRequest& request) {
  auto files = engine::StoreFiles::open(engine::FileSystem::posix(), request.directory);
  if (!files) return tool_failed(files.status());
  Output output;
  DumpSink sink(request, *files, output);
  if (request.manifest) {
    for (const engine::ManifestCopy& copy : files->copies()) sink.print(describe_manifest_copy(copy));
  }
  engine::Inspection inspection(*files, &sink, {});
  const Status status = inspection.run();
  if (!output.finish()) return tool_failed({StatusCode::kIoError, "standard output could not be written"});
  if (!status) return tool_failed(status);
  const auto& findings = inspection.findings();
  const bool is_damaged = std::any_of(findings.begin(), findings.end(),
                                      [](const engine::Finding& finding) { return finding.is_damage(); });
  if (is_damaged) print_refusal("the store is damaged; \"minikvd verify\" says how");
  return is_damaged ? kToolDamage : kToolClean;
}

}  // namespace minikv::server
