// The manifest: both copies say the same, either one will do, and none is believed that was changed.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "engine/format/crc32c.h"
#include "engine/format/file_names.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

ManifestSegment segment(std::uint64_t id, SegmentState state) {
  ManifestSegment entry{};
  entry.id = id;
  entry.salt = id * 0x9E3779B97F4A7C15;
  entry.size = 1000 * id;
  entry.min_seq = 10 * id;
  entry.max_seq = 10 * id + 9;
  entry.kind = SegmentKind::kLog;
  entry.state = state;
  return entry;
}

Manifest example() {
  Manifest manifest;
  for (std::uint8_t i = 0; i < 16; ++i) manifest.store_id[i] = i;
  manifest.generation = 3;
  manifest.next_segment_id = 4;
  manifest.seq_limit = 99;
  manifest.clean_sequence = 31;
  manifest.engine_time_ms = 1'700'000'000'000;
  manifest.segments = {segment(1, SegmentState::kSealed), segment(2, SegmentState::kActive),
                       segment(3, SegmentState::kSpare)};
  return manifest;
}

// With a checksum that is right for what is changed.
std::string with_field(const std::string& encoded, std::size_t at, std::uint32_t value, std::size_t bytes) {
  std::string changed = encoded;
  std::memcpy(changed.data() + at, &value, bytes);
  const std::uint32_t checksum =
      crc32c(std::string_view(changed).substr(offsetof(ManifestHeader, format_version)));
  std::memcpy(changed.data() + offsetof(ManifestHeader, checksum), &checksum, sizeof(checksum));
  return changed;
}

TEST(ManifestTest, ComesBackAsItWasWritten) {
  const Manifest before = example();
  const auto after = decode_manifest(encode_manifest(before));
  ASSERT_TRUE(after) << after.status().message();
  EXPECT_EQ(encode_manifest(*after), encode_manifest(before));
  EXPECT_EQ(after->seq_limit, 99u);
  EXPECT_EQ(after->clean_sequence, 31u);
  ASSERT_EQ(after->segments.size(), 3u);
  EXPECT_EQ(after->segments[2].id, 3u);
  EXPECT_EQ(after->segments[2].state, SegmentState::kSpare);
}

Manifest example_with_lead() {
  Manifest manifest = example();
  manifest.lead = {{1'700'000'000'000, 1'700'001'800'000}, 1234, 0xFEDCBA9876543210};
  return manifest;
}

TEST(ManifestTest, ALeadComesBackAndSetsItsFeatureBitForAsLongAsThereIsOne) {
  auto after = decode_manifest(encode_manifest(example_with_lead()));
  ASSERT_TRUE(after) << after.status().message();
  EXPECT_EQ(after->lead, example_with_lead().lead);
  EXPECT_EQ(after->incompat_features, kFeatureLead);
  after->lead = {};
  EXPECT_EQ(encode_manifest(*after), encode_manifest(example()));
}

TEST(ManifestTest, ALeadThatNoClockCanHaveIsNotBelieved) {
  for (const LeadRecord& wrong : {LeadRecord{{-kLatestMs * 3, 5}, 0, 0}, LeadRecord{{1, INT64_MAX}, 0, 0},
                                  LeadRecord{{1, 5}, -1, 0}, LeadRecord{{1, 5}, INT64_MAX, 0}}) {
    Manifest manifest = example();
    manifest.lead = wrong;
    EXPECT_EQ(decode_manifest(encode_manifest(manifest)).code(), StatusCode::kCorruption);
  }
}

TEST(ManifestTest, ALeadFromBefore1970ComesBack) {
  Manifest manifest = example();
  manifest.lead = {{-100'000, 1'700'000'000'000}, 5, 6};
  const auto after = decode_manifest(encode_manifest(manifest));
  ASSERT_TRUE(after) << after.status().message();
  EXPECT_EQ(after->lead, manifest.lead);
}

TEST(ManifestTest, WhatCouldNotBeReadIsNotWritten) {
  sim::SimFileSystem disk;
  ASSERT_TRUE(disk.create_dir("data").is_ok());
  ManifestFile file(disk, "data");
  Manifest manifest = example();
  ASSERT_TRUE(file.commit(manifest).is_ok());
  manifest.segments[1].id = manifest.segments[0].id;
  EXPECT_FALSE(file.commit(manifest).is_ok());
  const auto loaded = ManifestFile(disk, "data").load(nullptr);
  ASSERT_TRUE(loaded) << loaded.status().message();
  EXPECT_EQ(loaded->segments[1].id, example().segments[1].id);
}

class ManifestBitsTest : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(WithLead, ManifestBitsTest, testing::Bool());

TEST_P(ManifestBitsTest, EverySingleBitFlipAndEveryCutIsNoticed) {
  const std::string good = encode_manifest(GetParam() ? example_with_lead() : example());
  std::string bad = good;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    bad[bit / 8] = static_cast<char>(good[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(decode_manifest(bad).code(), StatusCode::kCorruption)
        << "bit " << bit % 8 << " of byte " << bit / 8;
    bad[bit / 8] = good[bit / 8];
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(decode_manifest(std::string_view(good).substr(0, size)).code(), StatusCode::kCorruption)
        << size;
  }
}

TEST(ManifestTest, ANewerFormatOrAnUnknownIncompatibleFeatureIsRefused) {
  const std::string good = encode_manifest(example());
  const std::string newer = with_field(good, offsetof(ManifestHeader, format_version), kFormatVersion + 1, 2);
  EXPECT_EQ(decode_manifest(newer).code(), StatusCode::kRefused);
  EXPECT_NE(decode_manifest(newer).status().message().find("version 2"), std::string::npos);
  const std::string unknown = with_field(good, offsetof(ManifestHeader, incompat_features), 0x80000000, 4);
  EXPECT_EQ(decode_manifest(unknown).code(), StatusCode::kRefused);
  EXPECT_NE(decode_manifest(unknown).status().message().find("0x80000000"), std::string::npos);
}

TEST(ManifestTest, AnUnknownCompatibleFeatureIsKept) {
  const std::string unknown =
      with_field(encode_manifest(example()), offsetof(ManifestHeader, compat_features), 5, 4);
  const auto manifest = decode_manifest(unknown);
  ASSERT_TRUE(manifest);
  EXPECT_EQ(encode_manifest(*manifest), unknown);
}

TEST(ManifestTest, NoSegmentMayPassForAnother) {
  Manifest twice = example();
  twice.segments.push_back(segment(2, SegmentState::kSealed));
  EXPECT_EQ(decode_manifest(encode_manifest(twice)).code(), StatusCode::kCorruption);
  // In the 32 bits that the index has for it, the first one looks like segment 1.
  for (const std::uint64_t id : {(std::uint64_t{1} << 32) + 1, ~std::uint64_t{0}, std::uint64_t{0}}) {
    Manifest impossible = example();
    impossible.segments[1].id = id;
    EXPECT_EQ(decode_manifest(encode_manifest(impossible)).code(), StatusCode::kCorruption) << id;
  }
  Manifest at_the_end = example();
  at_the_end.next_segment_id = std::uint64_t{1} << 32;
  EXPECT_EQ(decode_manifest(encode_manifest(at_the_end)).code(), StatusCode::kCorruption);
}

// Nothing is to be made ready for more bytes than the index can tell places of.
TEST(ManifestTest, NoSegmentIsLargerThanOneCanBe) {
  Manifest manifest = example();
  manifest.segments[0].size = kMaxSegmentBytes;
  EXPECT_TRUE(decode_manifest(encode_manifest(manifest)));
  manifest.segments[0].size = kMaxSegmentBytes + 1;
  EXPECT_EQ(decode_manifest(encode_manifest(manifest)).code(), StatusCode::kCorruption);
}

// The writer would wait for sequences that can never be reserved.
TEST(ManifestTest, NoMoreSequencesWereUsedThanAreReserved) {
  Manifest manifest = example();
  manifest.clean_sequence = manifest.seq_limit;
  EXPECT_TRUE(decode_manifest(encode_manifest(manifest)));
  manifest.clean_sequence = manifest.seq_limit + 1;
  EXPECT_EQ(decode_manifest(encode_manifest(manifest)).code(), StatusCode::kCorruption);
  manifest.clean_sequence = 0;
  manifest.seq_limit = ~std::uint64_t{0};
  EXPECT_EQ(decode_manifest(encode_manifest(manifest)).code(), StatusCode::kCorruption);
}

class ManifestFileTest : public testing::Test {
 protected:
  static constexpr const char* kPath = "d/MANIFEST";

  ManifestFileTest() { EXPECT_TRUE(files_->create_dir("d")); }

  Result<Manifest> load() { return ManifestFile(*files_, "d").load(&note_); }
  void commit_twice() {
    ManifestFile file(*files_, "d");
    Manifest manifest = example();
    ASSERT_TRUE(file.commit(manifest));
    manifest.seq_limit = 1000;
    ASSERT_TRUE(file.commit(manifest));
  }
  void flip(std::uint64_t offset) {
    sim::SimDisk disk = files_->disk();
    disk.flip_bit(kPath, offset, 3);
    files_ = std::make_unique<sim::SimFileSystem>(std::move(disk));
  }
  std::uint64_t copy_bytes() { return files_->disk().size(kPath) / 2; }

  std::unique_ptr<sim::SimFileSystem> files_ = std::make_unique<sim::SimFileSystem>();
  std::string note_;
};

TEST_F(ManifestFileTest, WithoutOneThereIsNone) { EXPECT_EQ(load().code(), StatusCode::kNotFound); }

TEST_F(ManifestFileTest, EitherCopyWillDoAndTheOtherIsSpokenOf) {
  commit_twice();
  for (const std::uint64_t damaged : {std::uint64_t{0}, copy_bytes()}) {
    flip(damaged + 50);
    note_.clear();
    const auto manifest = load();
    ASSERT_TRUE(manifest) << manifest.status().message();
    EXPECT_EQ(manifest->seq_limit, 1000u);
    EXPECT_NE(note_.find("does not check out"), std::string::npos);
    EXPECT_NE(note_.find("writes both anew"), std::string::npos);
    flip(damaged + 50);
  }
}

TEST_F(ManifestFileTest, WithBothDamagedTheStoreIsRefused) {
  commit_twice();
  flip(50);
  flip(copy_bytes() + 50);
  EXPECT_EQ(load().code(), StatusCode::kRefused);
}

TEST_F(ManifestFileTest, ADamagedCopyIsWrittenAnewByTheNextCommit) {
  commit_twice();
  flip(50);
  ManifestFile file(*files_, "d");
  auto manifest = file.load(nullptr);
  ASSERT_TRUE(manifest);
  ASSERT_TRUE(file.commit(*manifest));
  note_.clear();
  ASSERT_TRUE(load());
  EXPECT_EQ(note_, "");
}

// Power goes, the machine starts, and power goes again, each time in the middle of a commit: the second
// commit must not begin with the only copy that the first has left whole, nor rely on one that was only seen
// in memory.
TEST_F(ManifestFileTest, TwoCommitsThatCrashesInterruptLeaveAWholeCopy) {
  commit_twice();
  for (const bool power_was_cut : {true, false}) {
    sim::SimFileSystem first(files_->disk().after_crash(sim::CrashMode::kDropAll));
    ManifestFile file(first, "d");
    auto manifest = file.load(nullptr);
    ASSERT_TRUE(manifest);
    first.record_snapshots();
    ASSERT_TRUE(file.commit(*manifest));
    for (const sim::SimSnapshot& once : first.take_snapshots()) {
      for (std::uint64_t seed = 0; seed < 40; ++seed) {
        sim::SimFileSystem second(power_was_cut ? once.disk.after_crash(sim::CrashMode::kRandom, seed)
                                                : once.disk);
        ManifestFile again(second, "d");
        auto left = again.load(nullptr);
        ASSERT_TRUE(left) << left.status().message();
        for (std::uint64_t id = 4; id < 13; ++id) {  // of several sectors, so that it can be torn
          if (left->find(SegmentId(id)) == nullptr)
            left->segments.push_back(segment(id, SegmentState::kSealed));
        }
        second.record_snapshots();
        ASSERT_TRUE(again.commit(*left));
        for (const sim::SimSnapshot& twice : second.take_snapshots()) {
          sim::SimFileSystem after(twice.disk.after_crash(sim::CrashMode::kRandom, seed));
          const auto found = ManifestFile(after, "d").load(nullptr);
          ASSERT_TRUE(found) << once.call.describe() << ", then " << twice.call.describe() << ", seed "
                             << seed << ": " << found.status().message();
        }
      }
    }
  }
}

// At every call of a commit, power may go: then the manifest is the one before or the one after.
TEST_F(ManifestFileTest, ACommitThatACrashInterruptsLeavesTheStateBeforeOrAfter) {
  for (const bool grows : {false, true}) {
    sim::SimFileSystem files;
    ASSERT_TRUE(files.create_dir("d"));
    ManifestFile file(files, "d");
    Manifest manifest = example();
    ASSERT_TRUE(file.commit(manifest));
    manifest.seq_limit = 1000;
    if (grows) {
      while (encode_manifest(manifest).size() <= files.disk().size(kPath) / 2) {
        manifest.segments.push_back(segment(manifest.segments.size() + 1, SegmentState::kSealed));
      }
    }
    files.record_snapshots();
    ASSERT_TRUE(file.commit(manifest));
    const auto snapshots = files.take_snapshots();
    ASSERT_GE(snapshots.size(), 2u);
    bool seen_before = false;
    for (const sim::SimSnapshot& snapshot : snapshots) {
      for (std::uint64_t seed = 0; seed < 30; ++seed) {
        sim::SimFileSystem after(snapshot.disk.after_crash(sim::CrashMode::kRandom, seed));
        const auto left = ManifestFile(after, "d").load(nullptr);
        ASSERT_TRUE(left) << left.status().message();
        ASSERT_TRUE(left->seq_limit == 99 || left->seq_limit == 1000);
        seen_before |= left->seq_limit == 99;
      }
    }
    EXPECT_TRUE(seen_before);
    sim::SimFileSystem after(files.disk().after_crash(sim::CrashMode::kDropAll));
    EXPECT_EQ(ManifestFile(after, "d").load(nullptr)->seq_limit, 1000u);
  }
}

// On a disk that is full it could not, and the store would not open.
TEST_F(ManifestFileTest, GrowsLongBeforeItHasTo) {
  ManifestFile file(*files_, "d");
  Manifest manifest = example();
  ASSERT_TRUE(file.commit(manifest));
  const std::uint64_t room = copy_bytes();
  while (encode_manifest(manifest).size() < room / 2) {
    ASSERT_EQ(copy_bytes(), room);
    manifest.segments.push_back(segment(manifest.segments.size() + 1, SegmentState::kSealed));
    ASSERT_TRUE(file.commit(manifest));
  }
  EXPECT_EQ(copy_bytes(), 2 * room);
  EXPECT_EQ(load()->segments.size(), manifest.segments.size());
}

TEST_F(ManifestFileTest, OnAFullDiskUsesTheRoomThatItHasAndChangesNothingWhereThatIsTooLittle) {
  ManifestFile file(*files_, "d");
  Manifest manifest = example();
  ASSERT_TRUE(file.commit(manifest));
  const std::uint64_t room = copy_bytes();
  int tries = 0;
  files_->set_judge([&](const sim::SimCall& call) {
    const bool grows = call.kind == sim::SimCall::Kind::kWrite && call.length > 2 * room;
    tries += grows ? 1 : 0;
    return grows ? sim::SimFault::kDiskFull : sim::SimFault::kNone;
  });
  Status committed;
  std::size_t held = 0;
  while (committed) {
    held = manifest.segments.size();
    manifest.segments.push_back(segment(manifest.segments.size() + 1, SegmentState::kSealed));
    committed = file.commit(manifest);
    ASSERT_EQ(files_->disk().files().size(), 1u) << "something that takes room was left";
    ASSERT_FALSE(committed && file.lacked_room());
  }
  EXPECT_EQ(committed.code(), StatusCode::kDiskFull);
  EXPECT_TRUE(file.lacked_room());
  EXPECT_GT(encode_manifest(manifest).size(), room);
  EXPECT_GT(tries, 2);
  EXPECT_LT(tries, 100) << "each try costs a disk that is full already";
  EXPECT_EQ(load()->segments.size(), held);
  files_->clear_faults();
  ASSERT_TRUE(file.commit(manifest));
  EXPECT_EQ(copy_bytes(), 2 * room);
  EXPECT_FALSE(file.lacked_room());
}

TEST(SegmentNameTest, OnlyWhatWeWriteIsTakenForOne) {
  EXPECT_EQ(segment_name(SegmentId(1)), "segment-00000001.dat");
  EXPECT_EQ(segment_name(SegmentId(123'456'789)), "segment-123456789.dat");
  const struct {
    const char* name;
    std::uint64_t id;
  } table[] = {
      {"segment-00000001.dat", 1},
      {"segment-123456789.dat", 123'456'789},
      {"segment-4293918720.dat", kMaxSegmentId},
      {"segment-4293918721.dat", 0},
      {"segment-4294967297.dat", 0},
      {"segment-1.dat", 0},
      {"segment-000000001.dat", 0},
      {"segment-00000000.dat", 0},
      {"segment-0000001x.dat", 0},
      {"segment--0000001.dat", 0},
      {"segment-.dat", 0},
      {"segment-00000001.dat.tmp", 0},
      {"segment-00000001", 0},
      {"Segment-00000001.dat", 0},
      {"segment-99999999999999999999.dat", 0},
      {"segment-", 0},
      {"", 0},
  };
  for (const auto& row : table) EXPECT_EQ(parse_segment_name(row.name).number(), row.id) << row.name;
}

}  // namespace
}  // namespace minikv::engine
