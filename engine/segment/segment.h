// An open segment file, shared by all readers that may still read from it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/format/frame.h"
#include "engine/io/file_system.h"
#include "engine/segment/open_files.h"
#include "engine/segment/resident_pages.h"
#include "engine/segment/segment_keys.h"

namespace minikv::engine {

// The members either never change or are atomic: other facts about a segment that change belong to the writer
// and to the keeper.
//
// Thread safety: all members may be called from any thread.
class Segment {
 public:
  Segment(SegmentIdentity identity, SegmentKind kind, std::string path, std::unique_ptr<DataFile> file,
          std::unique_ptr<Mapping> mapping)
      : identity_(identity),
        kind_(kind),
        path_(std::move(path)),
        file_(std::move(file)),
        mapping_(std::move(mapping)),
        mapped_bytes_(mapping_->length()),
        marks_(mapped_bytes_) {}
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment() { delete keys_.load(std::memory_order_relaxed); }

  const SegmentIdentity& identity() const { return identity_; }
  SegmentId id() const { return identity_.id; }
  SegmentKind kind() const { return kind_; }
  const std::string& path() const { return path_; }
  // Notes that the file has been renamed, before the segment is shared.
  void rename(std::string path) {
    file_->rename(path);
    path_ = std::move(path);
  }
  DataFile& file() const { return *file_; }
  // Whether the file has bytes of an earlier segment (kSegmentRecycled). To be noted before the segment is
  // shared.
  bool is_recycled() const { return is_recycled_; }
  void note_recycled() { is_recycled_ = true; }

  const Mapping& mapping() const { return *mapping_; }
  // Whether the mapping covers these bytes: it may end before the file does.
  bool is_mapped(std::uint64_t offset, std::uint64_t length) const {
    return offset <= mapped_bytes_ && length <= mapped_bytes_ - offset;
  }
  const PageMarks& marks() const { return marks_; }

  // What is known of the segment's keys, set once; keys() is null until a thread has read them all.
  void set_keys(std::unique_ptr<const SegmentKeys> keys) {
    if (keys_.load(std::memory_order_relaxed) == nullptr)
      keys_.store(keys.release(), std::memory_order_release);
  }
  const SegmentKeys* keys() const { return keys_.load(std::memory_order_acquire); }

  // Compaction leaves the segment alone, because a part of it can't be read, or does not tell its keys.
  std::atomic<bool> is_left_alone{false};

  // The index does not point to all live records of this compacted segment yet, so that it is not known what
  // is live.
  std::atomic<bool> is_being_installed{false};

  // The bytes of records that the index points to, and where the frames end (the file may be longer).
  // Compaction decides by both.
  std::atomic<std::uint64_t> live_bytes{0};
  std::atomic<std::uint64_t> used_bytes{0};
  // Of a compacted segment: used bytes that were not live when it was installed.
  std::atomic<std::uint64_t> dead_at_birth_bytes{0};
  std::uint64_t live() const { return live_bytes.load(std::memory_order_relaxed); }
  std::uint64_t used() const { return used_bytes.load(std::memory_order_relaxed); }

 private:
  friend class Graveyard;

  const SegmentIdentity identity_;
  const SegmentKind kind_;
  std::string path_;
  bool is_recycled_ = false;
  const std::unique_ptr<DataFile> file_;
  const std::unique_ptr<Mapping> mapping_;
  const std::uint64_t mapped_bytes_;
  const PageMarks marks_;
  std::atomic<const SegmentKeys*> keys_{nullptr};
  std::unique_ptr<Segment> next_dead_;  // the graveyard's
};

using SegmentPtr = std::shared_ptr<const Segment>;

// A segment whose file goes on behind the bytes that count.
struct Overlong {
  SegmentId segment_id;
  std::uint64_t bytes = 0;  // that count
};

// Creates the file of a segment anew and writes its header, which is not synced.
Result<std::unique_ptr<File>> create_segment_file(FileSystem& file_system, const std::string& path,
                                                  const SegmentHeader& header);

// Opens the file at `path` and maps up to `length` bytes of it. The file stays open until allow_closing().
Result<std::unique_ptr<Segment>> open_segment(OpenFiles& files, const std::string& path, OpenMode mode,
                                              SegmentIdentity identity, SegmentKind kind,
                                              std::uint64_t length);

// Segments that their last reader has released. The keeper closes and unlinks them, because the last reader
// may be an event loop. They are linked to each other, so that a reader needs no memory for the release.
// Thread safety: all members may be called from any thread.
class Graveyard {
 public:
  void add(std::unique_ptr<Segment> segment) noexcept;
  // Takes all segments out. Throws std::bad_alloc with all of them still there.
  std::vector<std::unique_ptr<Segment>> take();
  bool is_empty() const { return empty_.load(std::memory_order_acquire); }
  // Each add() calls `wake` at its end, on the thread of the last reader. Empty: there is nothing to wake.
  void set_wake(std::function<void()> wake);

 private:
  Mutex mutex_;
  std::function<void()> wake_ MINIKV_GUARDED_BY(mutex_);
  std::unique_ptr<Segment> first_ MINIKV_GUARDED_BY(mutex_);
  std::atomic<bool> empty_{true};
};

// Shares a segment so that it ends in the graveyard.
std::shared_ptr<Segment> share_segment(std::unique_ptr<Segment> segment,
                                       std::shared_ptr<Graveyard> graveyard);

}  // namespace minikv::engine
