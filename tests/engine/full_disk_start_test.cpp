// Starts on a disk that is full, or that is smaller than a segment.
#include "tests/engine/full_disk_fixture.h"

namespace minikv {
namespace {

using FullDiskStartTest = FullDiskFixture;

// Nobody could read what is there, otherwise, until somebody has made room by other means.
TEST_F(FullDiskStartTest, StartsWithoutRoomForASegment) {
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
TEST_F(FullDiskStartTest, ServesReadsAndDeletesAtEachStartOnADiskWithoutAnyRoom) {
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
TEST_F(FullDiskStartTest, GivesUpHintsForALogWhereThereIsNoRoomForOne) {
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
TEST_F(FullDiskStartTest, OpensForReadingWhereNothingCanBeWritten) {
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

// A disk with room for less than a segment: what is kept for deletes is a part of what there is, at the first
// start and at later ones.
TEST_F(FullDiskStartTest, ADiskSmallerThanASegmentIsFullAtThreeFourthsOfIt) {
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
TEST_F(FullDiskStartTest, OpensWithoutALockFileWhereNoneCanBeMade) {
  open({});
  ASSERT_TRUE(store_->set("key", "value"));
  ASSERT_TRUE(store_->set("other", "value"));
  // The next start can make no file: its log is what is there.
  ASSERT_TRUE(wait_until([this] { return is_spare_there(); }));
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
  const auto removed = store_->remove("other");
  EXPECT_TRUE(removed) << removed.status().message();
  files_.set_judge(nullptr);
  EXPECT_TRUE(wait_until([this] { return store_->set("again", "x").is_ok(); }));
  store_.reset();
}

// With as many segments as its file has room for, and a disk on which it can't be made longer.
TEST_F(FullDiskStartTest, OpensThoughTheManifestCantGrow) {
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
      const engine::SegmentId id(manifest->next_segment_id++);
      entry.id = id.number();
      entry.salt = entry.id;
      entry.size = sizeof(engine::SegmentHeader);
      entry.min_seq = entry.max_seq = manifest->clean_sequence - 1;
      entry.kind = engine::SegmentKind::kLog;
      entry.state = engine::SegmentState::kSealed;
      const engine::SegmentHeader header = engine::make_segment_header(
          {id, entry.salt}, entry.kind, manifest->store_id, manifest->engine_time_ms);
      auto segment = files_.open("data/" + engine::segment_name(id), engine::OpenMode::kCreate);
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
