// Loads the end of the log of a store that is being opened, and tells a torn write there from damage.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/state.h"
#include "engine/format/manifest.h"
#include "engine/recovery/record_loader.h"
#include "engine/recovery/recovered.h"
#include "engine/segment/segment_reader.h"

namespace minikv::engine {

// The first frame that is not whole ends the log, unless the watermark of a later frame says that it had been
// synced. Then it is damage, and is never cut.
//
// Thread safety: one thread. load() and cut_and_seal() once each, in this order.
class LogLoader {
 public:
  // `manifest` receives the new states of the log's segments, `records` their records.
  LogLoader(SharedState& state, Manifest& manifest, RecordLoader& records, Recovered& result)
      : state_(state), manifest_(manifest), records_(records), result_(result) {}

  // To be called after all sealed segments have been loaded. Changes nothing on disk.
  Status load();
  // To be called when the store is known to open. Keeps torn tails aside, and a blank segment as the spare.
  // Seals segments with frames and gives them to the store.
  Status cut_and_seal();

 private:
  // What the scan of a log segment found.
  struct Log {
    ManifestSegment* entry = nullptr;
    std::unique_ptr<Segment> segment;
    std::uint64_t file_size = 0;
    std::uint64_t end = 0;       // of the frames that count
    std::uint64_t data_end = 0;  // of what was written behind them
    std::uint64_t min_seq = 0, max_seq = 0;
    bool is_complete = false;  // the next log segment goes on where this one ends
    bool has_loss = false;     // something of it can't be read and has no name, which was accepted
  };
  enum class Stage : std::uint8_t { kMade, kLoaded, kSealed };

  Status open_all();
  Status open(ManifestSegment& entry);
  Status check_length(const ManifestSegment& entry, std::uint64_t file_bytes);
  Status scan(Log& log, std::uint64_t expected, const std::vector<Log*>& later);
  Status find_data_end(Log& log, SegmentReader& reader);
  Result<bool> continues_in(const std::vector<Log*>& later, std::uint64_t expected);
  Result<bool> is_covered(const Log& log, std::uint64_t offset, std::uint64_t expected,
                          const std::vector<Log*>& later);
  Status cut_and_seal(Log& log);
  Status keep_aside(const Log& log);
  Status copy_tail(const Log& log, const std::string& path);

  SharedState& state_;
  Manifest& manifest_;
  RecordLoader& records_;
  Recovered& result_;
  std::vector<Log> logs_;
  Stage stage_ = Stage::kMade;
};

}  // namespace minikv::engine
