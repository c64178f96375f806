// Opening what is on disk: from files to an index, with damage found and named.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/format/manifest.h"
#include "engine/store/scan.h"
#include "engine/store/state.h"

namespace minikv::engine {

// A key whose newest record is damaged and not yet named by a `lost` record.
struct LostKey {
  std::string key;
  std::uint64_t sequence = 0;  // of the damaged record
  RecordType type = RecordType::kPut;
};

struct Recovered {
  Manifest manifest;  // as it should be committed next: all log segments sealed, what is of no use dropped
  std::shared_ptr<Segment> spare;  // blank, or null
  std::uint64_t next_sequence = 1;
  std::vector<LostKey> lost;
};

// Reads a store's files into `state.index` and `state.segments`. Changes nothing before it knows that the store can be
// opened; then cuts and syncs torn tails. The manifest is the caller's to commit.
//
// Thread safety: one thread, before any other sees `state`.
class Recovery {
 public:
  Recovery(SharedState& state, Manifest manifest) : state_(state), manifest_(std::move(manifest)) {}

  Result<Recovered> run();

 private:
  // What the scan of a log segment found.
  struct Log {
    ManifestSegment* entry = nullptr;
    std::unique_ptr<Segment> segment;
    std::uint64_t file_size = 0;
    std::uint64_t end = 0;       // of the frames that count
    std::uint64_t data_end = 0;  // of what is not zero behind them
    std::uint64_t min_seq = 0, max_seq = 0;
    bool is_complete = false;  // the next log segment goes on where this one ends
  };

  Result<std::unique_ptr<Segment>> open(const ManifestSegment& entry, bool writable);

  Status load_sealed_segments();
  Status load_sealed(ManifestSegment& entry);
  Status load_logs();
  Status check_numbers_and_time() const;
  Status scan_log(Log& log, std::uint64_t expected, const std::vector<Log*>& later);
  Result<bool> continues_in(const std::vector<Log*>& later, std::uint64_t expected);
  Result<bool> is_covered(Log& log, std::uint64_t offset, std::uint64_t expected,
                          const std::vector<Log*>& later);
  Status step_over_damage(SegmentReader& reader, const Segment& segment, const FrameAt& frame,
                          std::uint64_t& offset);
  Status settle_log(Log& log);
  Status keep_aside(Log& log);

  void take_frame(const Segment& segment, const FrameAt& frame, std::uint64_t& min_seq,
                  std::uint64_t& max_seq);
  Status take_record(const Segment& segment, const RecordView& record);
  void take_place(std::string_view key, const Place& place);
  void note_damage(const Segment& segment, const RecordView& record);
  Status unnamed_damage(const Segment& segment, std::uint64_t offset);
  Status finish_index();

  void share(std::unique_ptr<Segment> segment);

  SharedState& state_;
  Manifest manifest_;
  Recovered result_;
  std::vector<Log> logs_;
  std::int64_t newest_time_ms_ = 0;
  std::uint64_t newest_sequence_ = 0;
  Status problem_;  // of take_record
  struct Expire {
    std::uint64_t sequence = 0;
    std::int64_t expiry_ms = 0;
  };
  std::unordered_map<std::string, Expire> expires_;
  std::unordered_map<std::string, LostKey> damaged_;  // by key: the newest damaged record met
  std::unordered_map<std::string, std::uint64_t>
      named_;  // by key: the newest record that a `lost` record names
};

}  // namespace minikv::engine
