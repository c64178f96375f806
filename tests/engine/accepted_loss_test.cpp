// A start that accepts a loss writes down what it has accepted: the next one needs no consent for it, what is
// damaged later is refused again, and compaction gives up what can't be read.
#include <algorithm>
#include <functional>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/manifest.h"
#include "tests/engine/accepting_machine.h"

namespace minikv::sim {
namespace {

using engine::Effect;
using engine::Finding;
using engine::FindingKind;
using engine::ManifestSegment;
using engine::SegmentState;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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
    const std::string path = segment_path(id_of(entry));
    const std::string name = fmt::format("segment {}", entry.id);
    std::vector<std::uint64_t> locations = {kFirstFrame};
    for (const SeenRecord& record : records_of(made.disk)) {
      if (record.file == path) locations.push_back(record.offset);
    }
    for (const std::uint64_t at : locations) {
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

  void expect_findings_of_an_accepted_loss(const AcceptingMachine& machine, const Answers& answers) const;
  void expect_later_starts_need_no_consent(AcceptingMachine& machine, const Answers& answers) const;
  void expect_gone_after_compaction(AcceptingMachine& machine, const Answers& answers) const;

  const MadeStore made_;
};
INSTANTIATE_TEST_SUITE_P(Stores, AcceptedLossTest, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "WithHints" : "WithoutHints"; });

// What verify says now, it says of an accepted loss.
void AcceptedLossTest::expect_findings_of_an_accepted_loss(const AcceptingMachine& machine,
                                                           const Answers& answers) const {
  const auto findings = damage_in(machine.disk());
  EXPECT_EQ(std::count_if(findings.begin(), findings.end(), is_refused), 0) << describe(findings);
  if (accepted_segments(machine.disk()) > 0) {
    EXPECT_FALSE(findings.empty());
  }
  EXPECT_EQ(answers_of(repaired(machine.disk(), made_.keys), made_.keys), answers);
}

// The store is open when it returns.
void AcceptedLossTest::expect_later_starts_need_no_consent(AcceptingMachine& machine,
                                                           const Answers& answers) const {
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(machine.open(false).message(), "");
    EXPECT_THAT(machine.log, Not(Contains(HasSubstr("is written down"))));
    EXPECT_EQ(machine.answers(made_.keys), answers);
    if (round == 0) {
      ASSERT_TRUE(machine.store->close().is_ok());
      machine.store.reset();
    }
  }
}

void AcceptedLossTest::expect_gone_after_compaction(AcceptingMachine& machine, const Answers& answers) const {
  const auto compacted = machine.store->compact();
  ASSERT_TRUE(compacted.is_ok()) << compacted.status().message();
  EXPECT_EQ(machine.answers(made_.keys), answers);
  ASSERT_TRUE(machine.store->close().is_ok());
  machine.store.reset();
  EXPECT_EQ(accepted_segments(machine.disk()), 0U);
  auto left = damage_in(machine.disk());
  std::erase_if(left, [](const Finding& finding) { return finding.kind == FindingKind::kLostKey; });
  EXPECT_THAT(left, IsEmpty()) << describe(left);
  ASSERT_EQ(machine.open(false).message(), "");
  EXPECT_EQ(machine.answers(made_.keys), answers);
  EXPECT_TRUE(machine.store->compact().is_ok());
  EXPECT_EQ(machine.answers(made_.keys), answers);
}

TEST_P(AcceptedLossTest, IsWrittenDownAndGoneForGoodAfterCompaction) {
  std::uint64_t count = 0, marked = 0;
  for (const Harm& harm : harms(made_)) {
    SCOPED_TRACE(harm.name);
    SimDisk disk = made_.disk;
    harm.done_to(disk);
    AcceptingMachine machine(disk);
    const Status refused = machine.open(false);
    if (refused) {
      EXPECT_TRUE(has_hints());
      continue;
    }
    ++count;
    EXPECT_EQ(refused.code(), StatusCode::kRefused);
    EXPECT_THAT(refused.message(), HasSubstr("--accept-data-loss"));
    const Answers saved = answers_of(repaired(disk, made_.keys), made_.keys);

    AcceptingMachine accepting(disk);
    ASSERT_EQ(accepting.open(true).message(), "");
    EXPECT_THAT(accepting.log, Contains(HasSubstr("is written down")));
    const Answers answers = accepting.answers(made_.keys);
    EXPECT_EQ(answers, saved) << "repair says something else";
    accepting.crash(CrashMode::kDropAll);
    marked += accepted_segments(accepting.disk());

    expect_findings_of_an_accepted_loss(accepting, answers);
    ASSERT_NO_FATAL_FAILURE(expect_later_starts_need_no_consent(accepting, answers));
    ASSERT_NO_FATAL_FAILURE(expect_gone_after_compaction(accepting, answers));
    if (HasFailure()) return;
  }
  std::cout << count << " accepted losses, " << marked << " of them marked in the manifest\n";
  EXPECT_GT(count, 20U);
  EXPECT_GT(marked, 10U);
}

TEST_P(AcceptedLossTest, WhatIsDamagedLaterIsRefusedAgain) {
  const ManifestSegment entry = sealed_log(made_.disk);
  const std::string path = segment_path(id_of(entry));
  SimDisk disk = made_.disk;
  has_hints() ? disk.cut(path, entry.size - 20) : disk.overwrite(path, kFirstFrame, std::string(60, '#'));
  AcceptingMachine machine(disk);
  ASSERT_EQ(machine.open(true).message(), "");
  ASSERT_TRUE(machine.store->close().is_ok());
  machine.store.reset();
  const SimDisk accepted = machine.disk();
  ASSERT_EQ(accepted_segments(accepted), 1U);
  ASSERT_EQ(AcceptingMachine(accepted).open(false).message(), "");

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
    EXPECT_EQ(AcceptingMachine(worse).open(false).code(), StatusCode::kRefused);
    const auto findings = damage_in(worse);
    EXPECT_GT(std::count_if(findings.begin(), findings.end(), is_refused), 0) << describe(findings);
    AcceptingMachine again(worse);
    ASSERT_EQ(again.open(true).message(), "");
    again.kill();
    ASSERT_EQ(again.open(false).message(), "");
    EXPECT_TRUE(again.store->compact().is_ok());
  }
}

// Wherever it crashes: consent that was given once too often does no harm, and is needed only until a start
// has succeeded.
TEST_P(AcceptedLossTest, ACrashAtEachCallOfSuchAStartAndOfTheCompactionLosesNothingMore) {
  std::uint64_t states = 0;
  const auto all = harms(made_);
  const std::size_t stride = scaled_rounds(8) >= 64 ? 1 : 6;
  for (std::size_t i = 0; i < all.size(); i += stride) {
    SCOPED_TRACE(all[i].name);
    SimDisk disk = made_.disk;
    all[i].done_to(disk);
    AcceptingMachine machine(disk);
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
          AcceptingMachine next(left);
          const Status status = next.open(accepts);
          ASSERT_EQ(status.message(), "") << snapshot.call.describe();
          ASSERT_EQ(next.answers(made_.keys), answers) << snapshot.call.describe();
        }
      }
    }
  }
  std::cout << states << " states\n";
}

}  // namespace
}  // namespace minikv::sim
