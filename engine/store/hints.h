// Hint files: who reads them, and who writes them beside everything else that goes on.
#pragma once

#include <deque>
#include <string>
#include <thread>

#include "engine/base/thread_annotations.h"
#include "engine/format/hint.h"
#include "engine/format/manifest.h"
#include "engine/store/segment_keys.h"
#include "engine/store/state.h"

namespace minikv::engine {

HintIdentity hint_identity(const std::uint8_t (&store_id)[16], const ManifestSegment& segment);

// kNotFound: there is none. kCorruption: not one of this segment as it is.
Result<Hint> read_hint(FileSystem& file_system, const std::string& path, const HintIdentity& identity);

// Under a temporary name first, so that a hint is there whole or not at all. `hint` has been arranged.
Status write_hint(SharedState& state, const HintBuilder& hint, const HintIdentity& identity);

std::unique_ptr<const SegmentKeys> keys_of(const HintBuilder& hint);

// Writes hints of segments that have just been sealed, or had none when the store was opened. A hint is a cache: that
// one could not be written is logged, and costs time at the next start.
//
// Thread safety: all members may be called from any thread, start() and stop() once.
class Hints {
 public:
  Hints(SharedState& state, const std::uint8_t (&store_id)[16]);
  ~Hints() { stop(); }

  void start();
  // The segment is sealed, and is to have a hint. In single-threaded mode it has one when this returns.
  void want(const ManifestSegment& segment) MINIKV_EXCLUDES(mutex_);
  // Waits until all that was wanted is written.
  void finish() MINIKV_EXCLUDES(mutex_);
  // Ends the thread; what it has not begun is not written.
  void stop() MINIKV_EXCLUDES(mutex_);

 private:
  void run();
  void make(const ManifestSegment& entry);
  Status collect(const ManifestSegment& entry, const Segment& segment, HintBuilder& hint) const;

  SharedState& state_;
  std::uint8_t store_id_[16];
  std::thread thread_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<ManifestSegment> wanted_ MINIKV_GUARDED_BY(mutex_);
  bool busy_ MINIKV_GUARDED_BY(mutex_) = false;
  bool stopping_ MINIKV_GUARDED_BY(mutex_) = false;
};

}  // namespace minikv::engine
