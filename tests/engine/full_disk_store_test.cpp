// A store whose disk is full, on a disk whose room the test decides.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "engine/format/frame.h"
#include "engine/format/manifest.h"
#include "engine/format/object_bytes.h"
#include "minikv/store.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"

namespace minikv {
namespace {

constexpr std::uint64_t kSegmentBytes = kMiB;

// What a store has logged.
class Lines {
 public:
  std::function<void(LogLevel, std::string_view)> sink() {
    return [this](LogLevel, std::string_view words) {
      std::lock_guard lock(mutex_);
      lines_.emplace_back(words);
    };
  }
  std::ptrdiff_t count(std::string_view words) {
    std::lock_guard lock(mutex_);
    return std::count_if(lines_.begin(), lines_.end(),
                         [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }
  void clear() {
    std::lock_guard lock(mutex_);
    lines_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class FullDiskStoreTest : public testing::Test {
 protected:
  void open(Options options) {
    options.segment_size = kSegmentBytes;
    options.fsync = Fsync::kNever;
    options.compaction_threshold = 0;
    options.file_system = &files_;
    auto opened = Store::open("data", options);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }

  static std::string key(int i) { return "key" + std::to_string(i); }
  // A few segments of which one key in ten is alive.
  void write_segments_to_compact() {
    const std::string value(100'000, 'v');
    for (int i = 0; i < 35; ++i) ASSERT_TRUE(store_->set(key(i), value));
    WriteBatch batch;
    for (int i = 0; i < 35; ++i) {
      if (i % 10 != 0) batch.remove(key(i));
    }
    ASSERT_TRUE(store_->write(batch));
    wait_until_settled();
  }
  std::ptrdiff_t count_files(std::string_view ending) {
    const auto files = files_.disk().files();
    return std::count_if(files.begin(), files.end(),
                         [&](const std::string& path) { return path.ends_with(ending); });
  }
  // How often the first segment was cut shorter.
  std::ptrdiff_t count_cuts() {
    const auto calls = files_.log();
    return std::count_if(calls.begin(), calls.end(), [](const sim::SimCall& call) {
      return call.kind == sim::SimCall::Kind::kTruncate && call.path == "data/segment-00000001.dat";
    });
  }
  bool is_spare_there() {
    return count_files(".dat") == static_cast<std::ptrdiff_t>(store_->stats().segments) + 1 &&
           count_files(".tmp") == 0;
  }
  void wait_until_settled() {
    // Sealed are all but the one that is written to, and the next one is ready: nothing else takes room or
    // gives it back.
    ASSERT_TRUE(wait_until([this] {
      return is_spare_there() &&
             count_files(".hint") == static_cast<std::ptrdiff_t>(store_->stats().segments) - 1;
    }));
  }
  template <typename Condition>
  static bool wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(4);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  void leave_room_for(std::uint64_t bytes) {
    files_.set_capacity(std::nullopt);
    const std::uint64_t plenty = *files_.free_space("data");
    files_.set_capacity(plenty);
    files_.set_capacity(plenty - *files_.free_space("data") + bytes);
  }
  // Until one is refused.
  Status write_until_refused(std::size_t value_bytes = 20'000) {
    const std::string value(value_bytes, 'w');
    for (int i = 0; i < 1'000; ++i) {
      if (auto version = store_->set("more" + std::to_string(i), value); !version) return version.status();
    }
    return {};
  }

  static std::function<sim::SimFault(const sim::SimCall&)> refuse_a_longer_manifest() {
    return [](const sim::SimCall& call) {
      const bool grows = call.kind == sim::SimCall::Kind::kWrite && call.path.starts_with("data/MANIFEST") &&
                         call.length > 128 * 1024;
      return grows ? sim::SimFault::kDiskFull : sim::SimFault::kNone;
    };
  }

  // No spare can be made until the judge is cleared. Single-threaded: what fails does so at once, always at
  // the same place.
  void open_without_spares() {
    files_.set_judge([segments = 0](const sim::SimCall& call) mutable {
      const bool makes_segment = call.kind == sim::SimCall::Kind::kCreate && call.path.ends_with(".dat.tmp");
      // The first one is for the log.
      return makes_segment && ++segments > 1 ? sim::SimFault::kDiskFull : sim::SimFault::kNone;
    });
    Options options;
    options.single_threaded = true;
    open(options);
  }
  void fill_segment(std::uint64_t up_to) {
    const std::string value(20'000, 'f');
    ASSERT_TRUE(store_->set("first", "to delete"));
    std::uint64_t written = 0;
    for (int i = 0; written + value.size() < up_to; ++i, written += value.size()) {
      ASSERT_TRUE(store_->set("fill" + std::to_string(i), value)) << i;
    }
  }
  void expect_deletes_alone_are_taken() {
    const auto keys = store_->size();
    ASSERT_GT(keys, 0u);
    EXPECT_EQ(write_until_refused().code(), StatusCode::kDiskFull);
    EXPECT_EQ(write_until_refused(10).code(), StatusCode::kDiskFull);
    const auto removed = store_->remove("first");
    EXPECT_TRUE(removed && *removed) << removed.status().message();
    const auto all = store_->remove_prefix("");
    EXPECT_TRUE(all && *all >= keys - 1) << all.status().message();
    EXPECT_EQ(store_->size(), 0u);
  }

  // As a copy that was made without them: the manifest does not name them.
  static void drop_spares(sim::SimDisk& disk) {
    const std::string path = "data/MANIFEST";
    auto manifest = engine::decode_manifest(disk.contents(path));
    ASSERT_TRUE(manifest) << manifest.status().message();
    std::erase_if(manifest->segments, [&](const engine::ManifestSegment& entry) {
      if (entry.state == engine::SegmentState::kSealed) return false;
      const std::string file = "data/" + engine::segment_name(entry.id);
      if (disk.exists(file)) disk.erase(file);
      return true;
    });
    for (const std::uint64_t offset : {std::uint64_t{0}, disk.size(path) / 2})
      disk.overwrite(path, offset, engine::encode_manifest(*manifest));
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  Lines lines_;
  std::unique_ptr<Store> store_;
};

// Compaction works in the room of the spare and waits for the writer at its end: the writer must not wait for
// the spare.
TEST_F(FullDiskStoreTest, WritesAreRefusedAndNotHeldUpWhileCompactionWorksInTheRoomOfTheSpare) {
  Options options;
  options.compaction_rate_limit = kMiB;  // it takes seconds
  open(options);
  write_segments_to_compact();
  leave_room_for(kMiB / 16);  // less than what is alive, however much of that is sealed
  const std::uint64_t free_before = *files_.free_space("data");
  auto compaction = std::async(std::launch::async, [this] { return store_->compact(); });
  ASSERT_TRUE(wait_until([&] { return *files_.free_space("data") >= free_before + kSegmentBytes / 2; }));

  const Status refused = write_until_refused(60'000);
  EXPECT_EQ(refused.code(), StatusCode::kDiskFull) << refused.message();
  EXPECT_EQ(compaction.wait_for(std::chrono::seconds(0)), std::future_status::timeout)
      << "the compaction was over before a write was refused: nothing was tried";
  const auto compacted = compaction.get();
  ASSERT_TRUE(compacted) << compacted.status().message();
  EXPECT_GT(compacted->reclaimed_bytes, kSegmentBytes);
  // Once there is a spare again.
  files_.set_capacity(std::nullopt);
  EXPECT_TRUE(wait_until([this] { return store_->set("again", "x").is_ok(); }));
  for (int i = 0; i < 35; ++i) EXPECT_EQ(store_->get(key(i)).status().is_ok(), i % 10 == 0) << i;
}

// Otherwise nobody could make room any more.
TEST_F(FullDiskStoreTest, PutsLeaveTheReserveToDeletes) {
  open({});
  ASSERT_TRUE(store_->set("more", "to delete"));
  write_segments_to_compact();
  leave_room_for(kMiB / 2);
  ASSERT_EQ(write_until_refused().code(), StatusCode::kDiskFull);
  ASSERT_EQ(write_until_refused(10).code(), StatusCode::kDiskFull) << "the last segment still has room";
  for (int i = 0; i < 35; i += 10) {
    const auto removed = store_->remove(key(i));
    EXPECT_TRUE(removed && *removed) << removed.status().message();
  }
  const auto removed = store_->remove_prefix("more");
  EXPECT_TRUE(removed && *removed > 0) << removed.status().message();
  EXPECT_EQ(store_->set("small", "x").code(), StatusCode::kDiskFull);
  EXPECT_EQ(store_->size(), 0u);

  const auto compacted = store_->compact();
  ASSERT_TRUE(compacted) << compacted.status().message();
  EXPECT_GT(compacted->reclaimed_bytes, kSegmentBytes);
  EXPECT_TRUE(wait_until([this] { return store_->set("small", "x").status().is_ok(); }));
}

// What one step of a compaction gives back is room for the next: none is planned for room that it does not
// have.
TEST_F(FullDiskStoreTest, CompactionByHandGoesAsFarAsTheRoomOfEachMomentAllows) {
  open({});
  const std::string value(200'000, 'v');
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(store_->set(key(i), value));  // five in a segment
  WriteBatch batch;
  for (int i = 0; i < 60; ++i) {
    if (i % 5 < 2) batch.remove(key(i));
  }
  ASSERT_TRUE(store_->write(batch));
  wait_until_settled();
  leave_room_for(3 * kMiB);  // not tight yet, and not enough for a step of four segments
  // What it has given back is room a moment later, when the files are gone.
  std::uint64_t reclaimed = 0;
  EXPECT_TRUE(wait_until([&] {
    const auto compacted = store_->compact();
    EXPECT_TRUE(compacted) << compacted.status().message();
    reclaimed += compacted ? compacted->reclaimed_bytes : 0;
    return !compacted || reclaimed > 4 * kMiB;
  }));
  for (int i = 0; i < 60; ++i) EXPECT_EQ(store_->get(key(i)).status().is_ok(), i % 5 >= 2) << i;
}

// Somebody takes of the room between plan and step: the step is thrown away, and there is a smaller one.
TEST_F(FullDiskStoreTest, CompactionByHandIsPlannedAnewWhereItsRoomWasTakenMeanwhile) {
  Options options;
  options.single_threaded = true;
  int given_up = 0;
  options.log = [&](LogLevel, std::string_view words) {
    given_up += words.starts_with("compaction given up") ? 1 : 0;
  };
  open(options);
  const std::string value(200'000, 'v');
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(store_->set(key(i), value));
  for (int i = 0; i < 15; i += 2) ASSERT_TRUE(store_->remove(key(i)));
  // The first output; before it comes the spare that takes the place of the one that the log goes on in.
  std::set<std::string> written;
  bool has_failed = false;
  files_.set_judge([&](const sim::SimCall& call) {
    if (call.kind != sim::SimCall::Kind::kWrite || !call.path.ends_with(".dat.tmp"))
      return sim::SimFault::kNone;
    written.insert(call.path);
    if (written.size() < 2 || std::exchange(has_failed, true)) return sim::SimFault::kNone;
    return sim::SimFault::kDiskFull;
  });
  const auto compacted = store_->compact();
  ASSERT_TRUE(compacted) << compacted.status().message();
  EXPECT_GT(compacted->reclaimed_bytes, 7 * value.size());
  EXPECT_EQ(given_up, 1);
  for (int i = 0; i < 15; ++i) EXPECT_EQ(store_->get(key(i)).status().is_ok(), i % 2 == 1) << i;
  store_.reset();  // before what its log and its disk look at
  files_.clear_faults();
}

// Closing it would give its space back all at once, and hold up the disk meanwhile.
TEST_F(FullDiskStoreTest, WhatCompactionRemovesIsCutShorterBitByBit) {
  open({});
  write_segments_to_compact();
  ASSERT_TRUE(store_->compact());
  // A segment of a mebibyte: once to its end when it was sealed, and three pieces before it is closed.
  EXPECT_TRUE(wait_until([this] { return count_cuts() >= 4; })) << count_cuts();
}

// Compaction took the reserve's room, and what it gave back is little more.
TEST_F(FullDiskStoreTest, TheReserveIsThereAgainAfterACompactionThatGainedLittle) {
  Options options;
  // What is in a segment must not depend on when the next one was ready.
  options.single_threaded = true;
  open(options);
  const std::string value(200'000, 'v');
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(store_->set(key(i), value));  // five in a segment
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(store_->remove(key(i)));
  wait_until_settled();
  leave_room_for(kMiB / 4);
  const auto compacted = store_->compact();
  ASSERT_TRUE(compacted) << compacted.status().message();
  EXPECT_GT(compacted->reclaimed_bytes, 2 * value.size() - 1'000);

  EXPECT_TRUE(wait_until([this] { return is_spare_there(); }));
  EXPECT_LT(*files_.free_space("data"), kMiB) << "there was room for more than the reserve";
  ASSERT_EQ(write_until_refused().code(), StatusCode::kDiskFull);
  ASSERT_EQ(write_until_refused(10).code(), StatusCode::kDiskFull);
  for (int i = 2; i < 15; ++i) EXPECT_TRUE(store_->remove(key(i))) << i;
}

// The writer was faster than the keeper: it waits for the spare, and that is the last one.
TEST_F(FullDiskStoreTest, AWriterThatWaitsForTheSpareLeavesTheReserveToDeletes) {
  open_without_spares();
  fill_segment(kSegmentBytes + kSegmentBytes / 4);  // as far as it grows while there is plenty of room
  leave_room_for(kMiB + kMiB / 2);                  // for one more
  files_.set_judge(nullptr);
  expect_deletes_alone_are_taken();
}

// What the segment grew by while the spare was not ready could be what the spare needs.
TEST_F(FullDiskStoreTest, ASegmentDoesNotGrowIntoTheRoomOfTheReserve) {
  open_without_spares();
  fill_segment(kSegmentBytes / 2);
  leave_room_for(kMiB + kMiB / 8);  // for a spare and little more
  EXPECT_FALSE(write_until_refused());
  EXPECT_GT(*files_.free_space("data"), kMiB);
  files_.set_judge(nullptr);
  expect_deletes_alone_are_taken();
}

// A group that is larger than a segment takes of the room that there is.
TEST_F(FullDiskStoreTest, ALargeValueDoesNotTakeTheRoomOfTheReserve) {
  open_without_spares();
  leave_room_for(3 * kMiB);
  const auto large = store_->set("large", std::string(3 * kMiB, 'l'));
  EXPECT_FALSE(large);
  EXPECT_EQ(*files_.free_space("data"), 3 * kMiB);
  EXPECT_TRUE(store_->set("first", std::string(kMiB + kMiB / 2, 's')));
  EXPECT_LT(*files_.free_space("data"), 3 * kMiB);
  files_.set_judge(nullptr);
  expect_deletes_alone_are_taken();
}

// Somebody else fills the disk before there is a spare: what is left of the segment is the reserve.
TEST_F(FullDiskStoreTest, WithoutASpareThePartOfTheSegmentThatIsLeftIsTheReserve) {
  open_without_spares();
  fill_segment(kSegmentBytes / 2);
  leave_room_for(0);
  files_.set_judge(nullptr);
  expect_deletes_alone_are_taken();
  files_.set_capacity(std::nullopt);
  EXPECT_TRUE(store_->set("again", "x"));
}

// Nothing of it may be there when the next spare is made, and that is tried at once.
TEST_F(FullDiskStoreTest, TheReserveIsThereAgainAfterACompactionThatFailed) {
  Options options;
  options.single_threaded = true;
  int given_up = 0, without_spare = 0;
  options.log = [&](LogLevel, std::string_view words) {
    given_up += words.starts_with("compaction given up") ? 1 : 0;
    without_spare += words.starts_with("no spare segment") ? 1 : 0;
  };
  open(options);
  const std::string value(200'000, 'v');
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(store_->set(key(i), value));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(store_->remove(key(i)));
  wait_until_settled();
  leave_room_for(kMiB / 4);
  files_.set_judge([has_failed = false](const sim::SimCall& call) mutable {
    const bool renames_output = call.kind == sim::SimCall::Kind::kRename && call.path.ends_with(".dat.tmp");
    if (!renames_output || std::exchange(has_failed, true)) return sim::SimFault::kNone;
    return sim::SimFault::kDiskFull;
  });
  const auto compacted = store_->compact();  // planned anew
  ASSERT_TRUE(compacted) << compacted.status().message();
  EXPECT_EQ(given_up, 1);
  EXPECT_EQ(without_spare, 0);
  store_.reset();  // before what its log counts in
}

// Nobody could read what is there, otherwise, until somebody has made room by other means.
TEST_F(FullDiskStoreTest, StartsWithoutRoomForASegment) {
  open({});
  write_segments_to_compact();
  leave_room_for(kMiB / 4);
  ASSERT_EQ(write_until_refused().code(), StatusCode::kDiskFull);
  ASSERT_EQ(write_until_refused(10).code(), StatusCode::kDiskFull);
  ASSERT_TRUE(store_->remove(key(0)));  // into the reserve, so that none is left
  ASSERT_TRUE(store_->close());
  store_.reset();
  leave_room_for(kMiB / 4);
  std::atomic<int> told{0};
  Options options;
  options.log = [&](LogLevel, std::string_view words) {
    told += words.starts_with("no spare segment") ? 1 : 0;
  };
  open(options);
  for (int i = 0; i < 35; ++i) EXPECT_EQ(store_->get(key(i)).status().is_ok(), i > 0 && i % 10 == 0) << i;
  // The last fourth of a segment is for deletes.
  const Status refused = write_until_refused();
  EXPECT_EQ(refused.code(), StatusCode::kDiskFull) << refused.message();
  EXPECT_EQ(write_until_refused(10).code(), StatusCode::kDiskFull);
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(store_->set("large", std::string(kMiB / 2, 'l')));
  EXPECT_LE(told, 3) << "each refused write is told";
  const auto removed = store_->remove(key(10));
  EXPECT_TRUE(removed && *removed) << removed.status().message();
  files_.set_capacity(std::nullopt);
  EXPECT_TRUE(wait_until([this] { return store_->set("again", "x").is_ok(); }));
  store_.reset();  // before what its log counts in
}

// What the log has left is the next start's, however often, though others take every byte that is given back.
TEST_F(FullDiskStoreTest, ServesReadsAndDeletesAtEachStartOnADiskWithoutAnyRoom) {
  open({});
  write_segments_to_compact();
  leave_room_for(kMiB / 4);
  ASSERT_EQ(write_until_refused().code(), StatusCode::kDiskFull);
  ASSERT_TRUE(store_->remove(key(0)));  // into the reserve
  for (int start = 1; start < 5; ++start) {
    ASSERT_TRUE(store_->close());
    store_.reset();
    leave_room_for(0);
    lines_.clear();
    Options options;
    options.log = lines_.sink();
    open(options);
    if (HasFatalFailure()) return;
    EXPECT_TRUE(store_->get(key(30))) << start;
    EXPECT_EQ(write_until_refused().code(), StatusCode::kDiskFull) << start;
    const auto removed = store_->remove(start < 3 ? key(10 * start) : "more" + std::to_string(start));
    EXPECT_TRUE(removed && *removed) << start << ": " << removed.status().message();
    EXPECT_GT(lines_.count("the disk is full: opened for reading and deleting") +
                  lines_.count("the disk is full: writes that take room are refused"),
              0)
        << start;
    const Stats stats = store_->stats();
    EXPECT_TRUE(stats.disk_full);
    EXPECT_EQ(stats.refused_disk_full, 1U);
    EXPECT_LT(stats.disk_free_bytes, kSegmentBytes / 32);
    EXPECT_GT(stats.disk_reserve_bytes, kSegmentBytes / 8) << start;
  }
  EXPECT_FALSE(store_->get(key(10)));
  EXPECT_FALSE(store_->get(key(20)));
  files_.set_capacity(std::nullopt);
  EXPECT_TRUE(wait_until([this] { return store_->set("again", "x").is_ok(); }));
}

// Nobody had a reserve: the store was copied to a disk that it just fits on.
TEST_F(FullDiskStoreTest, GivesUpHintsForALogWhereThereIsNoRoomForOne) {
  open({});
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(store_->set("in a hint " + std::to_string(i), "x"));
  write_segments_to_compact();
  ASSERT_TRUE(store_->close());
  store_.reset();
  const auto hints = count_files(".hint");
  ASSERT_GT(hints, 1);
  files_.damage([](sim::SimDisk& disk) { drop_spares(disk); });
  leave_room_for(0);
  Options options;
  options.log = lines_.sink();
  open(options);
  EXPECT_LT(count_files(".hint"), hints);
  EXPECT_GT(lines_.count("to have room for deletes"), 0);
  EXPECT_TRUE(store_->get(key(20)));
  EXPECT_EQ(store_->set("small", "x").code(), StatusCode::kDiskFull);
  const auto removed = store_->remove(key(20));
  EXPECT_TRUE(removed && *removed) << removed.status().message();
  store_.reset();
  open({});
  EXPECT_FALSE(store_->get(key(20)));
  EXPECT_TRUE(store_->get(key(30)));
}

// Not even that: reads are served, and deletes as soon as there is a little room.
TEST_F(FullDiskStoreTest, OpensForReadingWhereNothingCanBeWritten) {
  open({});
  write_segments_to_compact();
  ASSERT_TRUE(store_->close());
  store_.reset();
  files_.damage([](sim::SimDisk& disk) {
    drop_spares(disk);
    for (const std::string& path : disk.files()) {
      if (path.ends_with(".hint")) disk.erase(path);
    }
  });
  leave_room_for(0);
  Options options;
  options.log = lines_.sink();
  open(options);
  EXPECT_TRUE(store_->get(key(20)));
  EXPECT_EQ(store_->set("small", "x").code(), StatusCode::kDiskFull);
  EXPECT_EQ(store_->remove(key(20)).code(), StatusCode::kDiskFull);
  EXPECT_TRUE(store_->get(key(20)));
  EXPECT_EQ(store_->stats().refused_disk_full, 2U);
  EXPECT_EQ(store_->stats().disk_reserve_bytes, 0U);
  EXPECT_EQ(lines_.count("the disk is full: opened for reading and deleting"), 1);
  leave_room_for(20'000);
  EXPECT_TRUE(wait_until([this] { return store_->remove(key(20)).is_ok(); }));
  EXPECT_EQ(store_->set("small", "x").code(), StatusCode::kDiskFull);
  files_.set_capacity(std::nullopt);
  EXPECT_TRUE(wait_until([this] { return store_->set("again", "x").is_ok(); }));
  store_.reset();
  open({});
  EXPECT_FALSE(store_->get(key(20)));
  EXPECT_TRUE(store_->get("again"));
  EXPECT_TRUE(store_->get(key(30)));
}

TEST_F(FullDiskStoreTest, IsToldWhenItBeginsAndWhenItIsOverAndNoMoreOften) {
  Options options;
  options.log = lines_.sink();
  options.clock = &clock_;
  open(options);
  write_segments_to_compact();
  EXPECT_FALSE(store_->stats().disk_full);
  EXPECT_GT(store_->stats().disk_reserve_bytes, kMiB / 2);
  leave_room_for(kMiB / 2);
  ASSERT_EQ(write_until_refused().code(), StatusCode::kDiskFull);
  ASSERT_EQ(write_until_refused(10).code(), StatusCode::kDiskFull);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(store_->set("small", "x").code(), StatusCode::kDiskFull);
  EXPECT_EQ(lines_.count("the disk is full: writes that take room are refused"), 1);
  EXPECT_EQ(lines_.count("was refused"), 0);
  EXPECT_EQ(store_->stats().refused_disk_full, 502U);
  EXPECT_TRUE(store_->stats().disk_full);
  clock_.advance_ms(5'000);
  EXPECT_GE(store_->stats().disk_full_ms, 5'000U);

  // There is room, and it is over once it has been for a while.
  files_.set_capacity(std::nullopt);
  ASSERT_TRUE(wait_until([this] { return store_->set("again", "x").is_ok(); }));
  EXPECT_TRUE(store_->stats().disk_full);
  EXPECT_EQ(lines_.count("has room again"), 0);
  clock_.advance_ms(60'000);
  ASSERT_TRUE(wait_until([this] { return !store_->stats().disk_full; }));
  EXPECT_TRUE(wait_until([this] { return lines_.count("has room again") == 1; }))
      << "it is told right behind that";
  EXPECT_EQ(lines_.count("writes were refused meanwhile"), 1);
  EXPECT_EQ(lines_.count("the disk is full: writes that take room are refused"), 1);
  store_.reset();  // before what its log counts in
}

// Or it might be taken for the log's after a crash.
TEST_F(FullDiskStoreTest, WhatAFailedWriteHasLeftIsUndoneBeforeTheLogGoesOn) {
  using Kind = sim::SimCall::Kind;
  const std::string first = "data/segment-00000001.dat", second = "data/segment-00000002.dat";
  Options options;
  options.single_threaded = true;
  open(options);
  ASSERT_TRUE(store_->set("key", "value"));
  files_.set_judge([&, writes = 0](const sim::SimCall& call) mutable {
    if (call.path != first || (call.kind != Kind::kWrite && call.kind != Kind::kTruncate))
      return sim::SimFault::kNone;
    return ++writes == 1 ? sim::SimFault::kHalfDiskFull : sim::SimFault::kDiskFull;
  });
  EXPECT_EQ(store_->set("refused", std::string(1000, 'r')).code(), StatusCode::kDiskFull);
  files_.set_judge(nullptr);
  const std::uint64_t before = files_.calls();
  ASSERT_TRUE(store_->set("large", std::string(kSegmentBytes, 'l')));
  const auto calls = files_.log();
  const auto next = std::find_if(calls.begin(), calls.end(), [&](const sim::SimCall& call) {
    return call.kind == Kind::kWrite && call.path == second;
  });
  ASSERT_NE(next, calls.end());
  EXPECT_TRUE(std::any_of(calls.begin(), next, [&](const sim::SimCall& call) {
    return call.number > before && call.kind == Kind::kTruncate && call.path == first;
  }));
  EXPECT_EQ(store_->get("key")->data, "value");
  EXPECT_FALSE(store_->exists("refused"));
}

// A disk with room for less than a segment: what is kept for deletes is a part of what there is, at the first
// start and at later ones.
TEST_F(FullDiskStoreTest, ADiskSmallerThanASegmentIsFullAtThreeFourthsOfIt) {
  constexpr std::uint64_t kDiskBytes = 600'000;
  files_.set_capacity(kDiskBytes);
  const std::string value(5'000, 'v');
  int keys = 0;
  for (int start = 0; start < 4; ++start) {
    lines_.clear();
    Options options;
    options.log = lines_.sink();
    ASSERT_NO_FATAL_FAILURE(open(options));
    int written = 0;
    Status refused;
    for (; refused && written < 1'000; ++written) refused = store_->set(key(keys + written), value).status();
    EXPECT_EQ(refused.code(), StatusCode::kDiskFull) << refused.message();
    keys += --written;
    if (start == 0) {
      const std::uint64_t bytes = static_cast<std::uint64_t>(keys) * value.size();
      EXPECT_GT(bytes, kDiskBytes / 2);
      EXPECT_LT(bytes, kDiskBytes * 4 / 5);
      EXPECT_EQ(lines_.count("the disk is full: writes that take room are refused"), 1);
    }
    EXPECT_GT(store_->stats().disk_reserve_bytes, kDiskBytes / 6) << start;
    EXPECT_TRUE(store_->stats().disk_full);
    for (int i = 0; i < 10; ++i) {
      const auto removed = store_->remove(key(10 * start + i));
      EXPECT_TRUE(removed && *removed) << start << ": " << removed.status().message();
    }
    EXPECT_EQ(store_->set("more", value).code(), StatusCode::kDiskFull);
    store_.reset();
  }
  files_.set_capacity(std::nullopt);
  ASSERT_NO_FATAL_FAILURE(open({}));
  EXPECT_EQ(store_->size(), static_cast<std::uint64_t>(keys - 40));
  EXPECT_TRUE(store_->set("again", value));
}

// No inode, say, though there is room. The directory's own lock keeps others away.
TEST_F(FullDiskStoreTest, OpensWithoutALockFileWhereNoneCanBeMade) {
  open({});
  ASSERT_TRUE(store_->set("key", "value"));
  ASSERT_TRUE(store_->set("other", "value"));
  store_.reset();
  files_.damage([](sim::SimDisk& disk) { disk.erase("data/LOCK"); });
  files_.set_judge([](const sim::SimCall& call) {
    const bool makes_file = call.kind == sim::SimCall::Kind::kCreate ||
                            (call.kind == sim::SimCall::Kind::kLock && call.path.ends_with("/LOCK"));
    return makes_file ? sim::SimFault::kDiskFull : sim::SimFault::kNone;
  });
  Options options;
  options.log = lines_.sink();
  ASSERT_NO_FATAL_FAILURE(open(options));
  EXPECT_EQ(lines_.count("no file LOCK"), 1);
  EXPECT_EQ(store_->get("key")->data, "value");
  options.file_system = &files_;
  const auto second = Store::open("data", options);
  EXPECT_EQ(second.code(), StatusCode::kLocked) << second.status().message();
  EXPECT_EQ(write_until_refused().code(), StatusCode::kDiskFull);
  EXPECT_TRUE(store_->remove("other"));
  files_.set_judge(nullptr);
  EXPECT_TRUE(wait_until([this] { return store_->set("again", "x").is_ok(); }));
  store_.reset();
}

// With as many segments as its file has room for, and a disk on which it can't be made longer.
TEST_F(FullDiskStoreTest, OpensThoughTheManifestCantGrow) {
  Options options;
  options.single_threaded = true;
  ASSERT_NO_FATAL_FAILURE(open(options));
  ASSERT_TRUE(store_->set("key", "v"));
  store_.reset();
  {
    engine::ManifestFile file(files_, "data");
    auto manifest = file.load(nullptr);
    ASSERT_TRUE(manifest);
    const std::uint64_t room = files_.disk().size("data/MANIFEST") / 2;
    // Nothing is in them, and each has taken an entry.
    while (engine::encode_manifest(*manifest).size() + sizeof(engine::ManifestSegment) <= room) {
      engine::ManifestSegment entry{};
      entry.id = manifest->next_segment_id++;
      entry.salt = entry.id;
      entry.size = sizeof(engine::SegmentHeader);
      entry.min_seq = entry.max_seq = manifest->clean_sequence - 1;
      entry.kind = engine::SegmentKind::kLog;
      entry.state = engine::SegmentState::kSealed;
      const engine::SegmentHeader header = engine::make_segment_header(
          {entry.id, entry.salt}, entry.kind, manifest->store_id, manifest->engine_time_ms);
      auto segment = files_.open("data/" + engine::segment_name(entry.id), engine::OpenMode::kCreate);
      ASSERT_TRUE(segment);
      ASSERT_TRUE((*segment)->write(0, std::array{engine::bytes_of(header)}));
      ASSERT_TRUE((*segment)->sync());
      manifest->segments.push_back(entry);
    }
    files_.set_judge(refuse_a_longer_manifest());
    ASSERT_TRUE(file.commit(*manifest));
    ASSERT_TRUE(files_.sync_dir("data"));
  }
  for (int start = 0; start < 3; ++start) {
    store_.reset();
    ASSERT_NO_FATAL_FAILURE(open(options));
    EXPECT_EQ(store_->get("key")->data, "v");
    (void)store_->set("other",
                      "v");  // so that the next start needs an entry for its log, if this one had one
  }
  // With room it all goes on.
  store_.reset();
  files_.clear_faults();
  ASSERT_NO_FATAL_FAILURE(open(options));
  EXPECT_TRUE(store_->set("more", "v"));
  EXPECT_TRUE(store_->remove("key"));
  EXPECT_EQ(store_->get("more")->data, "v");
}

}  // namespace
}  // namespace minikv
