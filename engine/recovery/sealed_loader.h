// Loads the sealed segments of a store that is being opened.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/core/state.h"
#include "engine/format/hint.h"
#include "engine/format/manifest.h"
#include "engine/recovery/record_loader.h"
#include "engine/recovery/recovered.h"

namespace minikv::engine {

// Reads the segments by their hints, several at a time. A segment without a hint that fits is scanned.
// Changes nothing on disk.
//
// Thread safety: load() once, by one thread, which starts the others.
class SealedLoader {
 public:
  // `manifest` receives the accepted losses of the segments, `records` their records, and `result` the rest.
  SealedLoader(SharedState& state, Manifest& manifest, RecordLoader& records, Recovered& result)
      : state_(state), manifest_(manifest), records_(records), result_(result) {}

  Status load() MINIKV_EXCLUDES(mutex_);

 private:
  std::vector<ManifestSegment> sealed_segments();
  void load_until_done(const std::vector<ManifestSegment>& sealed) MINIKV_EXCLUDES(mutex_);
  void load_or_say_why(const std::vector<ManifestSegment>& sealed) noexcept MINIKV_EXCLUDES(mutex_);
  Status load_segment(ManifestSegment entry, RecordLoader& records, std::string& buffer)
      MINIKV_EXCLUDES(mutex_);
  Result<bool> load_cut(ManifestSegment& entry, std::uint64_t file_bytes, Segment& segment,
                        RecordLoader& records, std::string& buffer);
  Status give_up_rest(ManifestSegment& entry, std::uint64_t file_bytes, const Segment& segment);
  bool load_hint(const ManifestSegment& entry, std::uint64_t file_bytes, Segment& segment,
                 RecordLoader& records, std::string& buffer);
  Status scan(ManifestSegment& entry, std::uint64_t file_bytes, const Segment& segment,
              RecordLoader& records);
  void accept_loss(const ManifestSegment& entry) MINIKV_REQUIRES(mutex_);
  std::uint64_t hint_bytes_of(const ManifestSegment& entry) const;
  void expect_keys(const Hint& like);
  void tell_progress() MINIKV_REQUIRES(mutex_);

  SharedState& state_;
  Manifest& manifest_;            // not written while there are several threads
  std::uint64_t hint_bytes_ = 0;  // of all that are there
  std::once_flag expected_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  Mutex mutex_;
  RecordLoader& records_ MINIKV_GUARDED_BY(mutex_);
  Recovered& result_ MINIKV_GUARDED_BY(mutex_);  // and state_.segments, until all threads have ended
  std::vector<ManifestSegment> accepted_ MINIKV_GUARDED_BY(mutex_);  // as the manifest is to have them
  Status problem_ MINIKV_GUARDED_BY(mutex_);
  std::size_t loaded_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::int64_t told_ms_ MINIKV_GUARDED_BY(mutex_) = 0;
};

}  // namespace minikv::engine
