// Files of compacted segments become the log's next spares: when they may, and what the format says of them.
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/files/spare_maker.h"
#include "tests/engine/recycling_fixture.h"
#include "tests/support/store_fixture.h"

namespace minikv::sim {
namespace {

using testing::IsEmpty;

class RecyclingTest : public RecyclingFixture {};

// ---- when a file is recycled ----

TEST_F(RecyclingTest, InASteadyStateNoSpareIsFilledWithZeros) {
  key_count_ = 40;
  for (int i = 0; i < 400; ++i) write();
  const std::uint64_t before = run_->store()->stats().recycled_segments;
  const std::size_t calls_before = run_->file_system().log().size();
  std::set<std::string> logs;
  for (int i = 0; i < 400; ++i) {
    write();
    for (const ManifestSegment& entry : segments(SegmentState::kSpare))
      logs.insert(segment_path(id_of(entry)));
  }
  const auto calls = run_->file_system().log();
  std::uint64_t spares = 0, bytes = 0;
  for (std::size_t i = calls_before; i < calls.size(); ++i) {
    const bool is_spare =
        calls[i].path.ends_with(".tmp") && logs.contains(calls[i].path.substr(0, calls[i].path.size() - 4));
    if (is_spare && calls[i].kind == SimCall::Kind::kWrite) bytes += calls[i].length;
    if (is_spare && calls[i].kind == SimCall::Kind::kRename) ++spares;
  }
  const std::uint64_t recycled = run_->store()->stats().recycled_segments - before;
  std::cout << spares << " spares, " << recycled << " of them recycled, " << bytes
            << " bytes written to them\n";
  EXPECT_GT(spares, 20U);
  EXPECT_GE(recycled, spares * 9 / 10);
  EXPECT_LT(bytes, spares * kSegmentBytes / 2)
      << "the page of the header, and what a sealed segment was cut by";
}

TEST_F(RecyclingTest, InTheOtherModesSparesAreAllocatedAndNotWritten) {
  for (const Fsync mode : {Fsync::kInterval, Fsync::kNever}) {
    for (const bool can_allocate : {true, false}) {
      Options options = recycling_options();
      options.fsync = mode;
      options.compaction_threshold = 0;
      run_ = std::make_unique<SimRun>(options);
      run_->file_system().set_can_allocate(can_allocate);
      ASSERT_EQ(run_->open().message(), "");
      for (int i = 0; i < 200; ++i) write();
      std::uint64_t bytes = 0;
      for (const SimCall& call : run_->file_system().log())
        if (call.path.ends_with(".dat.tmp") && call.kind == SimCall::Kind::kWrite) bytes += call.length;
      EXPECT_EQ(run_->store()->stats().recycled_segments, 0U);
      if (can_allocate) {
        EXPECT_LT(bytes, 2 * kSegmentBytes) << "headers, and the first segment's";
      } else {
        EXPECT_GT(bytes, 10 * kSegmentBytes);
      }
      const SimDisk left = disk();
      EXPECT_EQ(left.size(segment_path(id_of(segments(SegmentState::kSpare).at(0)))), kSegmentBytes);
      EXPECT_EQ(run_->check(), "");
    }
  }
}

TEST_F(RecyclingTest, AFileThatHasAnotherNameIsLeftAlone) {
  std::map<std::string, std::string> backups;  // contents by name
  for (int i = 0; i < 200; ++i) {
    write();
    for (const ManifestSegment& entry : kept()) {
      const std::string path = segment_path(id_of(entry));
      const std::string backup = "backup/" + std::to_string(entry.id);
      if (entry.id % 2 == 0 || backups.contains(backup)) continue;
      backups[backup] = disk().contents(path);
      run_->file_system().damage([&](SimDisk& disk) { disk.link(path, backup); });
    }
  }
  EXPECT_GT(backups.size(), 5U);
  for (const auto& [backup, contents] : backups) EXPECT_EQ(disk().contents(backup), contents) << backup;
  EXPECT_GT(run_->store()->stats().recycled_segments, 0U) << "others are";
  EXPECT_EQ(run_->check(), "");
}

TEST_F(RecyclingTest, AFileIsLeftAloneWhileAReaderHasIt) {
  write_into_recycled();
  const std::string key = key_of(writes_);
  const std::string value = run_->store()->get(key)->data;
  ScanOptions options;
  options.with_handles = true;
  options.from = key;
  options.limit = 1;
  const ScanPage page = run_->store()->scan(options);
  ASSERT_EQ(page.items.at(0).key, key);
  const std::uint64_t before = run_->store()->stats().recycled_segments;
  for (int i = 0; i < 300; ++i) write();
  EXPECT_GT(run_->store()->stats().recycled_segments, before + 10) << "others are";
  const auto read = run_->store()->read(key, page.items[0].handle);
  ASSERT_TRUE(read) << read.status().message();
  EXPECT_EQ(read->data, value);
}

// One earlier segment's bytes may remain, and those of one alone. A segment that was not cut to its size has
// the bytes of the one before it behind its own.
TEST_F(RecyclingTest, AFileThatIsLongerThanItsSegmentIsLeftAlone) {
  write_into_recycled();
  const std::size_t before = run_->file_system().log().size();
  run_->set_judge([](const SimCall& call) {
    return call.kind == SimCall::Kind::kTruncate ? SimFault::kIoError : SimFault::kNone;
  });
  for (int i = 0; i < 300; ++i) write();
  std::set<std::string> overlong;
  const auto calls = run_->file_system().log();
  for (std::size_t i = before; i < calls.size(); ++i) {
    if (calls[i].kind == SimCall::Kind::kTruncate) overlong.insert(calls[i].path);
    if (calls[i].kind != SimCall::Kind::kRename) continue;
    EXPECT_FALSE(overlong.contains(calls[i].path)) << calls[i].describe();
  }
  EXPECT_GT(overlong.size(), 10U);
}

TEST_F(RecyclingTest, KeptFilesAreGivenBackAfterAMinute) {
  write_until([this] { return !kept().empty(); });
  ASSERT_TRUE(run_->write({{.key = "other", .value = "w"}}));  // the keeper's turn
  run_->clock().advance_ms(59'000);
  ASSERT_TRUE(run_->write({{.key = "other", .value = "x"}}));
  EXPECT_FALSE(kept().empty());
  run_->clock().advance_ms(2'000);
  ASSERT_TRUE(run_->write({{.key = "other", .value = "y"}}));
  EXPECT_THAT(segments(SegmentState::kDropped), IsEmpty());
}

TEST_F(RecyclingTest, KeptFilesAreGivenBackAtTheEnd) {
  write_until([this] { return !kept().empty(); });
  ASSERT_TRUE(run_->write({{.key = "other", .value = "w"}}));  // the keeper's turn
  ASSERT_FALSE(kept().empty());
  ASSERT_EQ(run_->close().message(), "");
  EXPECT_THAT(segments(SegmentState::kDropped), IsEmpty());
}

TEST_F(RecyclingTest, WhereThereIsLittleRoomNoFileIsKept) {
  for (int i = 0; i < 300; ++i) write();
  write_until([this] { return !kept().empty(); });
  constexpr std::uint64_t kMuch = 1 << 30;
  run_->file_system().set_capacity(kMuch);
  const std::uint64_t used = kMuch - *run_->file_system().free_space(kStoreDirectory);
  run_->file_system().set_capacity(used + kMiB + 7 * kSegmentBytes);
  write();
  const std::uint64_t recycled = run_->store()->stats().recycled_segments;
  for (int i = 0; i < 300; ++i) write();
  EXPECT_EQ(run_->store()->stats().recycled_segments, recycled);
  EXPECT_EQ(run_->check(), "");
}

// ---- the format ----

// The checksums of headers begin with salt, id and offset, and CRCs are linear.
TEST(DistinctIdentityTest, IdentitiesThatBeginAlikeAreNotDistinctAtAnyOffset) {
  std::mt19937_64 random(7);
  std::unordered_map<std::uint32_t, engine::SegmentIdentity> seen;
  const auto first_bytes = [](const engine::SegmentIdentity& identity, std::uint64_t offset) {
    engine::FrameHeader header{};
    engine::finish_empty_frame(header, identity, offset);
    return header;
  };
  engine::SegmentIdentity before, after;
  for (std::uint64_t id = 1;; ++id) {
    const engine::SegmentIdentity identity{engine::SegmentId(id), random()};
    const auto [at, is_new] = seen.emplace(first_bytes(identity, 0).checksum, identity);
    if (is_new) continue;
    before = at->second;
    after = identity;
    break;
  }
  EXPECT_FALSE(are_distinct(before, after));
  for (const std::uint64_t offset : {64U, 4096U, 65'528U}) {
    const engine::FrameHeader header = first_bytes(before, offset);
    const std::string_view bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    EXPECT_TRUE(engine::parse_frame_header(bytes, after, offset)) << "they collide at every offset";
  }
  // Another identity is drawn.
  std::vector<engine::SegmentIdentity> draws{after, before, {engine::SegmentId(9), 9}};
  const auto drawn = engine::draw_distinct(before, [&] {
    const engine::SegmentIdentity next = draws.front();
    draws.erase(draws.begin());
    return next;
  });
  EXPECT_EQ(drawn.salt, 9U);
  const engine::FrameHeader header = first_bytes(before, 64);
  const std::string_view bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  EXPECT_FALSE(engine::parse_frame_header(bytes, drawn, 64));
}

TEST_F(RecyclingTest, TheManifestHasTheBitForAsLongAsItIsNeeded) {
  const auto has_bit = [this] {
    return (manifest_of(disk()).incompat_features & engine::kFeatureRecycled) != 0;
  };
  EXPECT_FALSE(has_bit());
  write_into_recycled();
  EXPECT_TRUE(has_bit());
  EXPECT_TRUE(is_logged("are recycled from now on"));
  run_->kill();
  EXPECT_TRUE(has_bit());
  ASSERT_EQ(run_->open().message(), "");
  ASSERT_EQ(run_->close().message(), "");
  EXPECT_FALSE(has_bit()) << "an earlier version may open the store";
}

}  // namespace
}  // namespace minikv::sim

namespace minikv {
namespace {

class RecyclingStoreTest : public test::StoreFixture {};

// With threads, on a real file system.
TEST_F(RecyclingStoreTest, AStoreThatRecyclesKeepsWhatWasWritten) {
  options_.compaction_threshold = 1;
  open();
  const std::string filler(30'000, 'v');
  for (int round = 0; round < 4000 && store_->stats().recycled_segments < 3; ++round) {
    WriteBatch batch;
    for (int key = 0; key < 20; ++key) batch.set("key" + std::to_string(key), filler + std::to_string(round));
    ASSERT_TRUE(store_->write(batch));
    set("last", std::to_string(round));
  }
  EXPECT_GE(store_->stats().recycled_segments, 3U);
  const std::string last = get("last");
  for (int start = 0; start < 2; ++start) {
    for (int key = 0; key < 20; ++key) EXPECT_EQ(get("key" + std::to_string(key)), filler + last);
    open();
  }
}

}  // namespace
}  // namespace minikv
