// A store whose disk becomes full while it is open.
#include "tests/engine/full_disk_fixture.h"

namespace minikv {
namespace {

using FullDiskStoreTest = FullDiskFixture;

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
  EXPECT_GT(store_->stats().disk_reserve_bytes, kSegmentBytes - 100) << "the whole spare";
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

}  // namespace
}  // namespace minikv
