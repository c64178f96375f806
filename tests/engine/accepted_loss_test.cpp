// A start that accepts a loss writes down what it has accepted: the next one needs no consent for it, what is damaged later
// is refused again, and compaction gives up what can't be read. What anything names is lost by its name.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/manifest.h"
#include "tests/engine/tools_store.h"

namespace minikv::sim {
namespace {

using engine::Effect;
using engine::Finding;
using engine::FindingKind;
using engine::ManifestSegment;
using engine::SegmentState;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Answers = std::map<std::string, std::string>;  // by key: the value, or why there is none

constexpr std::uint64_t kFirstFrame = sizeof(engine::SegmentHeader);
constexpr std::uint64_t kFirstRecord = kFirstFrame + sizeof(engine::FrameHeader);

// A machine with a store on it.
class TestMachine {
 public:
  explicit TestMachine(SimDisk disk) : files_(std::make_unique<SimFileSystem>(std::move(disk))) {}

  Status open(bool accepts, bool records_snapshots = false) {
    if (records_snapshots) files_->record_snapshots();
    Options options = tools_options();
    options.accept_data_loss = accepts;
    options.file_system = files_.get();
    options.clock = &clock_;
    options.log = [this](LogLevel, std::string_view line) { log.emplace_back(line); };
    log.clear();
    auto opened = Store::open(kStoreDirectory, options);
    if (opened) store = std::move(*opened);
    return opened.status();
  }
  // The process dies.
  void kill() { crash(CrashMode::kKeepAll); }
  void crash(CrashMode mode) {
    SimDisk left = disk();
    files_->crash_at_call(files_->calls() + 1);
    store.reset();
    files_ = std::make_unique<SimFileSystem>(left.after_crash(mode));
  }
  SimDisk disk() const { return files_->disk(); }
  SimFileSystem& files() { return *files_; }

  Answers answers(const std::set<std::string>& keys) const {
    Answers answers;
    for (const std::string& key : keys) {
      const auto value = store->get(key);
      answers[key] = value                                     ? "=" + value->data
                     : value.code() == StatusCode::kNotFound   ? "none"
                     : value.code() == StatusCode::kCorruption ? "lost"
                                                               : value.status().message();
    }
    return answers;
  }

  std::vector<std::string> log;

 private:
  SimClock clock_;
  std::unique_ptr<SimFileSystem> files_;

 public:
  std::unique_ptr<Store> store;
};

Answers answers_of(const Repaired& repaired, const std::set<std::string>& keys) {
  Answers answers;
  for (const std::string& key : keys) {
    const auto saved = repaired.saved.find(key);
    answers[key] = saved != repaired.saved.end()    ? "=" + saved->second.value
                   : repaired.corrupt.contains(key) ? "lost"
                                                    : "none";
  }
  return answers;
}

std::uint64_t accepted_segments(const SimDisk& disk) {
  const auto segments = manifest_of(disk).segments;
  return static_cast<std::uint64_t>(
      std::count_if(segments.begin(), segments.end(), [](const ManifestSegment& entry) {
        return entry.state == SegmentState::kSealed && entry.accepted_loss != 0;
      }));
}

bool is_refused(const Finding& finding) {
  return finding.effect == Effect::kNameless || finding.effect == Effect::kBlocking;
}

ManifestSegment sealed_of_kind(const SimDisk& disk, engine::SegmentKind kind) {
  for (const ManifestSegment& entry : manifest_of(disk).segments) {
    if (entry.state == SegmentState::kSealed && entry.kind == kind) return entry;
  }
  return {};
}

struct Harm {
  std::string name;
  std::function<void(SimDisk&)> done_to;
};

// Each is refused without consent: it does not say which keys it concerns, or a file is too short.
std::vector<Harm> harms(const MadeStore& made) {
  std::vector<Harm> all;
  const std::string bytes(96, '#');
  for (const auto kind : {engine::SegmentKind::kLog, engine::SegmentKind::kCompacted}) {
    const ManifestSegment entry = sealed_of_kind(made.disk, kind);
    EXPECT_NE(entry.id, 0U);
    const std::string path = segment_path(entry.id);
    const std::string name = fmt::format("segment {}", entry.id);
    std::vector<std::uint64_t> places = {kFirstFrame};
    for (const SeenRecord& record : records_of(made.disk)) {
      if (record.file == path) places.push_back(record.offset);
    }
    for (const std::uint64_t at : places) {
      all.push_back({fmt::format("{} overwritten at {}", name, at), [=](SimDisk& disk) {
                       disk.overwrite(path, at,
                                      bytes.substr(0, std::min<std::uint64_t>(96, entry.size - at)));
                     }});
      for (const std::uint64_t length : {at, at + 44, at + 8}) {
        if (length < entry.size)
          all.push_back(
              {fmt::format("{} cut to {}", name, length), [=](SimDisk& disk) { disk.cut(path, length); }});
      }
    }
    for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{7}, kFirstRecord, entry.size - 1})
      all.push_back(
          {fmt::format("{} cut to {}", name, length), [=](SimDisk& disk) { disk.cut(path, length); }});
    for (const SeenRecord& record : records_of(made.disk)) {
      if (record.file != path || record.header.type != engine::RecordType::kRangeDelete) continue;
      all.push_back({fmt::format("{}: the end of a range delete overwritten", name),
                     [=](SimDisk& disk) { disk.overwrite(path, record.value_offset, "#"); }});
    }
    all.push_back({fmt::format("{} overwritten and cut", name), [=](SimDisk& disk) {
                     disk.overwrite(path, kFirstFrame, bytes);
                     disk.cut(path, entry.size - 20);
                   }});
  }
  return all;
}

// With hints a segment that was only overwritten is not refused at all.
class AcceptedLossTest : public testing::TestWithParam<bool> {
 protected:
  AcceptedLossTest() : made_(make_store(true, GetParam())) {}
  bool has_hints() const { return GetParam(); }

  const MadeStore made_;
};
INSTANTIATE_TEST_SUITE_P(Stores, AcceptedLossTest, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "WithHints" : "WithoutHints"; });

TEST_P(AcceptedLossTest, IsWrittenDownAndGoneForGoodAfterCompaction) {
  std::uint64_t count = 0, marked = 0;
  for (const Harm& harm : harms(made_)) {
    SCOPED_TRACE(harm.name);
    SimDisk disk = made_.disk;
    harm.done_to(disk);
    TestMachine machine(disk);
    const Status refused = machine.open(false);
    if (refused) {
      EXPECT_TRUE(has_hints());
      continue;
    }
    ++count;
    EXPECT_EQ(refused.code(), StatusCode::kRefused);
    EXPECT_THAT(refused.message(), HasSubstr("--accept-data-loss"));
    const Answers saved = answers_of(repaired(disk, made_.keys), made_.keys);

    TestMachine accepting(disk);
    ASSERT_EQ(accepting.open(true).message(), "");
    EXPECT_THAT(accepting.log, Contains(HasSubstr("is written down")));
    const Answers answers = accepting.answers(made_.keys);
    EXPECT_EQ(answers, saved) << "repair says something else";
    accepting.crash(CrashMode::kDropAll);
    marked += accepted_segments(accepting.disk());

    // What verify says now, it says of an accepted loss.
    const auto findings = damage_in(accepting.disk());
    EXPECT_EQ(std::count_if(findings.begin(), findings.end(), is_refused), 0) << describe(findings);
    if (accepted_segments(accepting.disk()) > 0) {
      EXPECT_FALSE(findings.empty());
    }
    EXPECT_EQ(answers_of(repaired(accepting.disk(), made_.keys), made_.keys), answers);

    for (int round = 0; round < 2; ++round) {
      ASSERT_EQ(accepting.open(false).message(), "");
      EXPECT_THAT(accepting.log, Not(Contains(HasSubstr("is written down"))));
      EXPECT_EQ(accepting.answers(made_.keys), answers);
      if (round == 0) {
        ASSERT_TRUE(accepting.store->close().is_ok());
        accepting.store.reset();
      }
    }
    const auto compacted = accepting.store->compact();
    ASSERT_TRUE(compacted.is_ok()) << compacted.status().message();
    EXPECT_EQ(accepting.answers(made_.keys), answers);
    ASSERT_TRUE(accepting.store->close().is_ok());
    accepting.store.reset();
    EXPECT_EQ(accepted_segments(accepting.disk()), 0U);
    auto left = damage_in(accepting.disk());
    std::erase_if(left, [](const Finding& finding) { return finding.kind == FindingKind::kLostKey; });
    EXPECT_THAT(left, IsEmpty()) << describe(left);
    ASSERT_EQ(accepting.open(false).message(), "");
    EXPECT_EQ(accepting.answers(made_.keys), answers);
    EXPECT_TRUE(accepting.store->compact().is_ok());
    EXPECT_EQ(accepting.answers(made_.keys), answers);
    if (HasFailure()) return;
  }
  std::cout << count << " accepted losses, " << marked << " of them marked in the manifest\n";
  EXPECT_GT(count, 20U);
  EXPECT_GT(marked, 10U);
}

TEST_P(AcceptedLossTest, WhatIsDamagedLaterIsRefusedAgain) {
  const ManifestSegment entry = sealed_log(made_.disk);
  const std::string path = segment_path(entry.id);
  SimDisk disk = made_.disk;
  has_hints() ? disk.cut(path, entry.size - 20) : disk.overwrite(path, kFirstFrame, std::string(60, '#'));
  TestMachine machine(disk);
  ASSERT_EQ(machine.open(true).message(), "");
  ASSERT_TRUE(machine.store->close().is_ok());
  machine.store.reset();
  const SimDisk accepted = machine.disk();
  ASSERT_EQ(accepted_segments(accepted), 1U);
  ASSERT_EQ(TestMachine(accepted).open(false).message(), "");

  std::vector<Harm> more = {{"cut", [&](SimDisk& of) { of.cut(path, accepted.size(path) - 60); }}};
  if (has_hints()) {
    // It was all that knew the rest.
    const std::string hint = path.substr(0, path.size() - 4) + ".hint";
    more.push_back({"no hint", [=](SimDisk& of) { of.erase(hint); }});
  } else {
    more.push_back({"overwritten", [&](SimDisk& of) {
                      of.overwrite(path, accepted.size(path) - 60, std::string(60, '#'));
                    }});
  }
  for (const Harm& harm : more) {
    SCOPED_TRACE(harm.name);
    SimDisk worse = accepted;
    harm.done_to(worse);
    EXPECT_EQ(TestMachine(worse).open(false).code(), StatusCode::kRefused);
    const auto findings = damage_in(worse);
    EXPECT_GT(std::count_if(findings.begin(), findings.end(), is_refused), 0) << describe(findings);
    TestMachine again(worse);
    ASSERT_EQ(again.open(true).message(), "");
    again.kill();
    ASSERT_EQ(again.open(false).message(), "");
    EXPECT_TRUE(again.store->compact().is_ok());
  }
}

// Wherever it crashes: consent that was given once too often does no harm, and is needed only until a start has succeeded.
TEST_P(AcceptedLossTest, ACrashAtEachCallOfSuchAStartAndOfTheCompactionLosesNothingMore) {
  std::uint64_t states = 0;
  const auto all = harms(made_);
  const std::size_t stride = scaled_rounds(8) >= 64 ? 1 : 6;
  for (std::size_t i = 0; i < all.size(); i += stride) {
    SCOPED_TRACE(all[i].name);
    SimDisk disk = made_.disk;
    all[i].done_to(disk);
    TestMachine machine(disk);
    ASSERT_EQ(machine.open(true, true).message(), "");
    const Answers answers = machine.answers(made_.keys);
    const std::size_t opened = machine.files().calls();
    ASSERT_TRUE(machine.store->compact().is_ok());
    ASSERT_TRUE(machine.store->close().is_ok());
    for (const SimSnapshot& snapshot : machine.files().take_snapshots()) {
      for (const CrashMode mode : {CrashMode::kKeepAll, CrashMode::kDropAll, CrashMode::kTearLast}) {
        const SimDisk left = snapshot.disk.after_crash(mode, 1);
        ++states;
        for (const bool accepts : {true, false}) {
          if (!accepts && snapshot.call.number <= opened) continue;
          TestMachine next(left);
          const Status status = next.open(accepts);
          ASSERT_EQ(status.message(), "") << snapshot.call.describe();
          ASSERT_EQ(next.answers(made_.keys), answers) << snapshot.call.describe();
        }
      }
    }
  }
  std::cout << states << " states\n";
}

// ---- what the hint names ----

TEST(AcceptedLoss, WhatTheHintNamesBehindACutIsLostByName) {
  SimDisk disk;
  {
    TestMachine machine{SimDisk()};
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

  TestMachine machine(disk);
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
TEST(AcceptedLoss, AValueThatIsCutShortIsLostByNameWithoutAHint) {
  const MadeStore made = make_store(true, false);
  const SeenRecord record = newest(made.disk, "key3");
  SimDisk disk = made.disk;
  disk.cut(record.file, record.value_offset + 3);
  TestMachine machine(disk);
  ASSERT_EQ(machine.open(true).message(), "");
  EXPECT_EQ(machine.answers({"key3"}).at("key3"), "lost");
  EXPECT_EQ(answers_of(repaired(disk, made.keys), made.keys), machine.answers(made.keys));
}

// ---- damage in the log ----

// It becomes a sealed segment with the same damage in it.
TEST(AcceptedLoss, OfTheLogIsWrittenDownWhereItIsSealed) {
  const MadeStore made = make_store(false, false);
  ManifestSegment active{};
  for (const ManifestSegment& entry : manifest_of(made.disk).segments) {
    if (entry.state == SegmentState::kActive) active = entry;
  }
  ASSERT_NE(active.id, 0U);
  SimDisk disk = made.disk;
  disk.overwrite(segment_path(active.id), kFirstRecord, std::string(40, '#'));
  TestMachine machine(disk);
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
TEST(AcceptedLoss, ASegmentThatCantBeReadIsLeftAlone) {
  const MadeStore made = make_store(true, true);
  const ManifestSegment bad = sealed_log(made.disk);
  TestMachine machine(made.disk);
  ASSERT_EQ(machine.open(false).message(), "");
  machine.files().fail_reads_of(segment_path(bad.id), kFirstFrame, 8);
  EXPECT_FALSE(machine.store->compact().is_ok());
  const auto compacted = machine.store->compact();
  EXPECT_TRUE(compacted.is_ok()) << compacted.status().message();
}

}  // namespace
}  // namespace minikv::sim
