// The lines of a dump, as objects; people get the same in words.
#pragma once

#include <string>

#include "engine/format/hint.h"
#include "engine/tools/inspection.h"
#include "server/tools/tool_text.h"

namespace minikv::server {

// Each has the member "kind", which is also the first word in words().
Json describe_manifest_copy(const engine::ManifestCopy& copy);
Json describe_segment(const engine::SegmentFile& segment);
// `lead`: the store's lead, by which an expiry is also given in the wall clock's time.
Json describe_hint_entry(const engine::SegmentFile& segment, const engine::HintEntry& entry,
                         const TimeLead& lead);
Json describe_frame(const engine::SegmentFile& segment, std::uint64_t offset, const engine::FrameAt& frame);
Json describe_record(const engine::SegmentFile& segment, const engine::RecordView& record,
                     engine::RecordState state, bool with_value, const TimeLead& lead);
Json describe_gap(const engine::SegmentFile& segment, std::uint64_t begin, std::uint64_t end);

// "record segment-00000001.dat 120 sequence 1 version 1 type put key "name" ..." on one line.
std::string as_words(const Json& line);

}  // namespace minikv::server
