// Of what is accepted to be lost, whatever anything names is lost by its name; and what becomes of damage in
// the log, and of a segment that can't be read.
#include <set>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/manifest.h"
#include "tests/engine/accepting_machine.h"

namespace minikv::sim {
namespace {

using engine::ManifestSegment;
using engine::SegmentState;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

// ---- what the hint names ----

TEST(AcceptedNamesTest, WhatTheHintNamesBehindACutIsLostByName) {
  SimDisk disk;
  {
    AcceptingMachine machine{SimDisk()};
    ASSERT_EQ(machine.open(false).message(), "");
    ASSERT_TRUE(machine.store->set("k", "OLD"));
    ASSERT_TRUE(machine.store->set("gone", "OLD"));
    ASSERT_TRUE(machine.store->set("prefix/1", "OLD"));
    ASSERT_TRUE(machine.store->set("short", "OLD"));
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(machine.store->set(fmt::format("a{}", i), std::string(900, 'a')));
    ASSERT_TRUE(machine.store->close().is_ok());
    ASSERT_EQ(machine.open(false).message(), "");
    ASSERT_TRUE(machine.store->set("first", "kept"));
    ASSERT_TRUE(machine.store->set("k", "NEW"));
    ASSERT_TRUE(machine.store->remove("gone"));
    ASSERT_TRUE(machine.store->remove_prefix("prefix/").is_ok());
    ASSERT_TRUE(machine.store->set("short", "NEW", machine.store->now_ms() + 1));
    ASSERT_TRUE(machine.store->close().is_ok());
    machine.store.reset();
    disk = machine.disk();
  }
  const SeenRecord lost = newest(disk, "k");
  ASSERT_NE(newest(disk, "first").offset, 0U);
  ASSERT_EQ(newest(disk, "first").file, lost.file);
  disk.cut(lost.file, lost.offset - sizeof(engine::FrameHeader));
  const std::set<std::string> keys = {"k", "gone", "prefix/1", "short", "first"};
  const Answers right = {
      {"k", "lost"}, {"gone", "none"}, {"prefix/1", "none"}, {"short", "lost"}, {"first", "=kept"}};
  EXPECT_EQ(answers_of(repaired(disk, keys), keys), right);

  AcceptingMachine machine(disk);
  EXPECT_THAT(machine.open(false).message(), HasSubstr("it was cut"));
  ASSERT_EQ(machine.open(true).message(), "");
  EXPECT_EQ(machine.answers(keys), right);
  EXPECT_THAT(machine.log, Contains(HasSubstr("its hint says of which keys")));
  EXPECT_THAT(machine.log, Each(Not(HasSubstr("older values"))));
  machine.crash(CrashMode::kDropAll);
  ASSERT_EQ(machine.open(false).message(), "");
  EXPECT_EQ(machine.answers(keys), right);
  ASSERT_TRUE(machine.store->compact().is_ok());
  EXPECT_EQ(machine.answers(keys), right);
  ASSERT_TRUE(machine.store->close().is_ok());
  ASSERT_EQ(machine.open(false).message(), "");
  EXPECT_EQ(machine.answers(keys), right);
}

// Where the file ends within a value, the record before it says whose it was.
TEST(AcceptedNamesTest, AValueThatIsCutShortIsLostByNameWithoutAHint) {
  const MadeStore made = make_store(true, false);
  const SeenRecord record = newest(made.disk, "key3");
  SimDisk disk = made.disk;
  disk.cut(record.file, record.value_offset + 3);
  AcceptingMachine machine(disk);
  ASSERT_EQ(machine.open(true).message(), "");
  EXPECT_EQ(machine.answers({"key3"}).at("key3"), "lost");
  EXPECT_EQ(answers_of(repaired(disk, made.keys), made.keys), machine.answers(made.keys));
}

// ---- damage in the log ----

// It becomes a sealed segment with the same damage in it.
TEST(AcceptedNamesTest, OfTheLogIsWrittenDownWhereItIsSealed) {
  const MadeStore made = make_store(false, false);
  ManifestSegment active{};
  for (const ManifestSegment& entry : manifest_of(made.disk).segments) {
    if (entry.state == SegmentState::kActive) active = entry;
  }
  ASSERT_NE(active.id, 0U);
  SimDisk disk = made.disk;
  disk.overwrite(segment_path(id_of(active)), kFirstRecord, std::string(40, '#'));
  AcceptingMachine machine(disk);
  EXPECT_THAT(machine.open(false).message(), HasSubstr("damaged at offset"));
  ASSERT_EQ(machine.open(true).message(), "");
  EXPECT_THAT(machine.log, Contains(HasSubstr("is written down")));
  const Answers answers = machine.answers(made.keys);
  machine.crash(CrashMode::kDropAll);
  EXPECT_EQ(accepted_segments(machine.disk()), 1U);
  ASSERT_EQ(machine.open(false).message(), "");
  EXPECT_EQ(machine.answers(made.keys), answers);
  EXPECT_TRUE(machine.store->compact().is_ok());
  EXPECT_EQ(machine.answers(made.keys), answers);
  ASSERT_TRUE(machine.store->close().is_ok());
  EXPECT_EQ(accepted_segments(machine.disk()), 0U);
}

// ---- compaction by itself ----

// A segment that can't be read keeps nobody else from being compacted.
TEST(AcceptedNamesTest, ASegmentThatCantBeReadIsLeftAlone) {
  const MadeStore made = make_store(true, true);
  const ManifestSegment bad = sealed_log(made.disk);
  AcceptingMachine machine(made.disk);
  ASSERT_EQ(machine.open(false).message(), "");
  machine.files().fail_reads_of(segment_path(id_of(bad)), kFirstFrame, 8);
  EXPECT_FALSE(machine.store->compact().is_ok());
  const auto compacted = machine.store->compact();
  EXPECT_TRUE(compacted.is_ok()) << compacted.status().message();
}

}  // namespace
}  // namespace minikv::sim
