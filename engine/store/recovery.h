// Opening what is on disk: from files to an index, with damage found and named.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/format/manifest.h"
#include "engine/store/findings.h"
#include "engine/store/scan.h"
#include "engine/store/state.h"

namespace minikv::engine {

struct Recovered {
  Manifest manifest;  // as it should be committed next: all log segments sealed, what is of no use dropped
  std::shared_ptr<Segment> spare;  // blank, or null
  std::uint64_t next_sequence = 1;
  std::vector<Overlong> overlong;  // to be cut, once the manifest is durable
  std::vector<LostKey> lost;
  std::vector<ManifestSegment> without_hint;  // sealed segments that had to be scanned, and may have a hint
  std::vector<std::string> accepted;  // files with damage that is accepted now, which the manifest is to say
};

// Reads a store's files into `state.index` and `state.segments`. Changes nothing before it knows that the store can be
// opened; then removes leftovers and keeps torn tails aside. The manifest is the caller's to commit, and files are cut after that.
//
// Thread safety: one thread, before any other sees `state`.
class Recovery {
 public:
  Recovery(SharedState& state, Manifest manifest)
      : state_(state), manifest_(std::move(manifest)), findings_(state) {}

  // May throw std::bad_alloc: as if the machine had gone down meanwhile.
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
    bool has_loss = false;     // something of it can't be read and has no name, which was accepted
  };
  // A segment that is read from front to back.
  struct Scan {
    const Segment& segment;
    SegmentReader reader;
    Findings& findings;
    std::uint32_t accepted_loss = 0;  // as in the manifest
    bool has_loss = false;            // something can't be read and has no name
    bool is_known_loss = false;       // and that is what was accepted at an earlier start
  };

  Result<std::unique_ptr<Segment>> open(const ManifestSegment& entry, bool writable);

  Status load_sealed_segments() MINIKV_EXCLUDES(mutex_);
  void load_until_done(const std::vector<ManifestSegment>& sealed) MINIKV_EXCLUDES(mutex_);
  void load_or_say_why(const std::vector<ManifestSegment>& sealed) noexcept MINIKV_EXCLUDES(mutex_);
  Status load_sealed(ManifestSegment entry, Findings& findings, std::string& buffer) MINIKV_EXCLUDES(mutex_);
  Result<bool> load_cut(ManifestSegment& entry, std::uint64_t file_bytes, Segment& segment,
                        Findings& findings, std::string& buffer);
  bool load_hint(const ManifestSegment& entry, std::uint64_t file_bytes, Segment& segment, Findings& findings,
                 std::string& buffer);
  Status scan_sealed(ManifestSegment& entry, std::uint64_t file_bytes, const Segment& segment,
                     Findings& findings);
  Status give_up_rest(ManifestSegment& entry, std::uint64_t file_bytes, const Segment& segment);
  void accept_loss(const ManifestSegment& entry) MINIKV_REQUIRES(mutex_);
  std::uint64_t hint_bytes_of(const ManifestSegment& entry) const;
  void expect_keys(const Hint& like);
  void tell_progress() MINIKV_REQUIRES(mutex_);
  Status load_logs();
  Status check_length(const ManifestSegment& entry, std::uint64_t file_bytes);
  Status cut_short(const ManifestSegment& entry, std::uint64_t file_bytes) const;
  void tell_cut(const ManifestSegment& entry, std::uint64_t file_bytes) const;
  Status check_numbers_and_time() const;
  Status scan_log(Log& log, std::uint64_t expected, const std::vector<Log*>& later);
  Result<bool> continues_in(const std::vector<Log*>& later, std::uint64_t expected);
  Result<bool> is_covered(Log& log, std::uint64_t offset, std::uint64_t expected,
                          const std::vector<Log*>& later);
  Status step_over_damage(Scan& scan, const FrameAt& frame, std::uint64_t& offset);
  Status settle_log(Log& log);
  Status keep_aside(const Log& log);
  Status copy_tail(const Log& log, const std::string& path);
  Status take_frame(Scan& scan, const FrameAt& frame);
  Status take_record(Scan& scan, const RecordView& record);
  Status unnamed_damage(Scan& scan, std::uint64_t offset);
  void share(std::unique_ptr<Segment> segment);

  SharedState& state_;
  Manifest manifest_;
  Recovered result_;
  std::vector<Log> logs_;
  Findings findings_;

  std::vector<ManifestSegment> accepted_;  // sealed segments, as the manifest is to have them

  // While the sealed segments are being loaded.
  std::uint64_t hint_bytes_ = 0;  // of all that are there
  std::once_flag expected_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  // Guards result_, findings_, accepted_ and state_.segments too, as long as there are several threads.
  Mutex mutex_;
  Status problem_ MINIKV_GUARDED_BY(mutex_);
  std::size_t loaded_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::int64_t told_ms_ MINIKV_GUARDED_BY(mutex_) = 0;
};

}  // namespace minikv::engine
