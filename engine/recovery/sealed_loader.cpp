// Sealed segments by their hints, or scanned.
#include "engine/recovery/sealed_loader.h"

#include <algorithm>
#include <cassert>
#include <thread>
#include <utility>

#include "engine/base/helper_threads.h"
#include "engine/base/out_of_memory.h"
#include "engine/core/hint_file.h"
#include "engine/format/file_names.h"
#include "engine/recovery/frame_loader.h"
#include "engine/recovery/segment_check.h"
#include "engine/segment/segment_keys.h"
#include "engine/segment/segment_reader.h"
#include "engine/segment/survey.h"

namespace minikv::engine {
namespace {

constexpr std::int64_t kTellEveryMs = 1000;

}  // namespace

// The largest first, so that the threads end at about the same time.
std::vector<ManifestSegment> SealedLoader::sealed_segments() {
  std::vector<ManifestSegment> sealed;
  for (const ManifestSegment& entry : manifest_.segments) {
    if (entry.state != SegmentState::kSealed) continue;
    sealed.push_back(entry);
    if (!state_.options.single_threaded) hint_bytes_ += hint_bytes_of(entry);
  }
  // A hint takes about as many bytes for each key as the index does.
  state_.expected_index_bytes.store(hint_bytes_, std::memory_order_relaxed);
  std::stable_sort(sealed.begin(), sealed.end(),
                   [](const ManifestSegment& a, const ManifestSegment& b) { return a.size > b.size; });
  return sealed;
}

Status SealedLoader::load() {
  assert(next_.load(std::memory_order_relaxed) == 0);
  const std::vector<ManifestSegment> sealed = sealed_segments();
  {
    MutexLock lock(mutex_);
    told_ms_ = state_.clock.steady_ms();
  }
  const std::size_t wanted = std::max<std::size_t>(1, std::thread::hardware_concurrency());
  {
    HelperThreads helpers;
    if (!state_.options.single_threaded) {
      for (std::size_t i = 1; i < std::min({wanted, state_.file_budget.load_threads, sealed.size()}); ++i) {
        helpers.add([&] { load_or_say_why(sealed); });
      }
    }
    load_or_say_why(sealed);
  }
  MutexLock lock(mutex_);
  for (const ManifestSegment& entry : accepted_) *manifest_.find(id_of(entry)) = entry;
  return problem_;
}

void SealedLoader::load_or_say_why(const std::vector<ManifestSegment>& sealed) noexcept {
  const Status loaded = without_throwing([&] {
    load_until_done(sealed);
    return Status();
  });
  if (loaded || failed_.exchange(true)) return;
  MutexLock lock(mutex_);
  problem_ = loaded;
}

void SealedLoader::load_until_done(const std::vector<ManifestSegment>& sealed) {
  RecordLoader records(state_);
  std::string buffer;
  for (;;) {
    const std::size_t mine = next_.fetch_add(1, std::memory_order_relaxed);
    if (mine >= sealed.size() || failed_.load(std::memory_order_relaxed)) break;
    const Status loaded = load_segment(sealed[mine], records, buffer);
    MutexLock lock(mutex_);
    ++loaded_;
    tell_progress();
    if (loaded || failed_.exchange(true)) continue;
    problem_ = loaded;
  }
  MutexLock lock(mutex_);
  records_.merge(std::move(records));
}

void SealedLoader::tell_progress() {
  const std::int64_t now = state_.clock.steady_ms();
  if (now - told_ms_ < kTellEveryMs) return;
  told_ms_ = now;
  state_.log.info("recovery: {} of {} segments read", loaded_, manifest_.segments.size());
}

// `buffer` goes from one hint to the next: the kernel would have to clear new memory for each.
Status SealedLoader::load_segment(ManifestSegment entry, RecordLoader& records, std::string& buffer) {
  const ManifestSegment before = entry;
  auto opened = open_named_segment(state_, manifest_, entry, false);
  if (!opened) return opened.status();
  Segment& segment = **opened;
  auto size = segment.file().size();
  if (!size) return size.status();
  bool has_hint = false;
  if (*size < entry.size) {
    MINIKV_ASSIGN_OR_RETURN(has_hint, load_cut(entry, *size, segment, records, buffer));
  } else {
    has_hint = load_hint(entry, *size, segment, records, buffer);
    if (!has_hint) MINIKV_TRY(scan(entry, *size, segment, records));
  }
  segment.used_bytes.store(entry.size, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  if (entry.accepted_loss != before.accepted_loss || entry.size != before.size) accept_loss(entry);
  if (entry.state == SegmentState::kDropped) return {};
  // A crash came between the seal and the cut. The zeros, or the torn tail that was kept aside, mean nothing.
  const bool is_cut_anew = entry.size != before.size;
  if ((entry.kind == SegmentKind::kLog || is_cut_anew) && *size > entry.size)
    result_.overlong.push_back({id_of(entry), entry.size});
  // A hint made from a damaged segment could not name all of its records.
  if (!has_hint && entry.accepted_loss == 0) result_.without_hint.push_back(entry);
  add_to_store(state_, std::move(*opened));
  return {};
}

void SealedLoader::accept_loss(const ManifestSegment& entry) {
  accepted_.push_back(entry);
  result_.accepted.push_back(state_.path_of(id_of(entry)));
}

// Loads a file that is too short. Its hint, if there is one, names all records behind the end, so that
// nothing is lost in silence. The segment then stays as it is until compaction gives it up. Returns whether
// there is a hint.
Result<bool> SealedLoader::load_cut(ManifestSegment& entry, std::uint64_t file_bytes, Segment& segment,
                                    RecordLoader& records, std::string& buffer) {
  const std::uint32_t loss = loss_of_cut(file_bytes, entry.size);
  const bool is_accepted = state_.options.accept_data_loss;
  if (!is_accepted && entry.accepted_loss != loss) return cut_short(state_, entry, file_bytes);
  if (load_hint(entry, file_bytes, segment, records, buffer)) {
    if (entry.accepted_loss == loss) {
      state_.log.warn(
          "{}: has {} bytes of {}; an earlier start has accepted that, and compaction gives it up",
          segment.path(), file_bytes, entry.size);
    } else {
      state_.log.error(
          "{}: has {} bytes of {}; opened all the same, as was asked for: its hint says of which keys the "
          "rest was",
          segment.path(), file_bytes, entry.size);
    }
    entry.accepted_loss = loss;
    return true;
  }
  // The loss was accepted with a hint, which is gone.
  if (!is_accepted) return cut_short(state_, entry, file_bytes);
  tell_accepted_cut(state_, entry, file_bytes);
  MINIKV_TRY(scan(entry, file_bytes, segment, records));
  MINIKV_TRY(give_up_rest(entry, file_bytes, segment));
  return false;
}

// Shortens the entry: the unreadable end is not part of the segment any more.
Status SealedLoader::give_up_rest(ManifestSegment& entry, std::uint64_t file_bytes, const Segment& segment) {
  MINIKV_ASSIGN_OR_RETURN(const Survey whole, survey_segment(segment.file(), segment.identity(), file_bytes));
  entry.size = whole.end;
  entry.min_seq = whole.min_seq;
  entry.max_seq = whole.max_seq;
  if (entry.max_seq == 0) entry.state = SegmentState::kDropped;
  MINIKV_ASSIGN_OR_RETURN(const Survey kept, survey_segment(segment.file(), segment.identity(), entry.size));
  entry.accepted_loss = kept.loss;
  return {};
}

// False: there is no hint, or none that can be used, and the segment has to be scanned.
bool SealedLoader::load_hint(const ManifestSegment& entry, std::uint64_t file_bytes, Segment& segment,
                             RecordLoader& records, std::string& buffer) {
  const std::string path = state_.directory + "/" + hint_name(id_of(entry));
  auto hint =
      read_hint(state_.file_system, path, hint_identity(manifest_.store_id, entry), std::move(buffer));
  if (hint.code() == StatusCode::kNotFound) {
    state_.log.info("{}: is missing; the segment is scanned", path);
    return false;
  }
  if (!hint) {
    state_.log.warn("{}: is not used, and the segment is scanned: {}", path, hint.status().message());
    return false;
  }
  expect_keys(*hint);
  SegmentKeysBuilder keys(static_cast<std::size_t>(hint->entry_count()));
  Status taken;
  hint->for_each([&](const HintEntry& told) {
    keys.add(told);
    const std::uint64_t end = told.offset + sizeof(RecordHeader) + told.key.size() + told.header.value_length;
    taken = records.take(segment, told, end <= file_bytes);
    return taken.is_ok();
  });
  records.flush();
  records.note_time(hint->newest_time_ms());
  segment.set_keys(keys.finish());
  buffer = std::move(*hint).release();
  // Only a hint of a newer version has records that this one does not know; the scan will report them.
  return taken.is_ok();
}

// The size of the segment's hint, but never more than it can have. 0: there is none that can be read, which
// is logged when it is loaded.
std::uint64_t SealedLoader::hint_bytes_of(const ManifestSegment& entry) const {
  const auto file =
      state_.file_system.open(state_.directory + "/" + hint_name(id_of(entry)), OpenMode::kRead);
  if (!file) return 0;
  const auto size = (*file)->size();
  return size ? std::min(*size, 2 * entry.size) : 0;
}

// The first thread with a hint reserves memory for the index, before it loads any key. It assumes that the
// keys in all hints are as long as in its own.
void SealedLoader::expect_keys(const Hint& like) {
  std::call_once(expected_, [&] {
    state_.lock.assert_alone();
    const std::uint64_t bytes = sizeof(HintHeader) + like.header().body_bytes;
    state_.index.reserve(hint_bytes_ / (bytes / std::max<std::uint64_t>(like.entry_count(), 1)));
  });
}

// Every byte of a sealed segment has been durable, so that each mismatch is damage.
Status SealedLoader::scan(ManifestSegment& entry, std::uint64_t file_bytes, const Segment& segment,
                          RecordLoader& records) {
  std::call_once(expected_, [] {});  // the keys are not known
  SegmentReader reader(segment.file(), std::min(file_bytes, entry.size));
  FrameLoader loader(state_, segment, reader.size(), records, entry.accepted_loss);
  for (FrameCursor cursor(reader, segment.identity()); !cursor.is_at_end();) {
    auto frame = cursor.read();
    if (!frame) return frame.status();
    if (frame->kind == FrameAt::Kind::kWhole) {
      MINIKV_TRY(loader.load(*frame));
      cursor.move_to(frame->end);
    } else {
      MINIKV_TRY(loader.step_over(cursor, *frame));
    }
  }
  if (!loader.has_new_loss()) return {};
  MINIKV_ASSIGN_OR_RETURN(const Survey survey,
                          survey_segment(segment.file(), segment.identity(), reader.size()));
  entry.accepted_loss = std::max<std::uint32_t>(survey.loss, 1);
  return {};
}

}  // namespace minikv::engine
