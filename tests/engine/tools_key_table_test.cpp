// What a store says about its keys does not depend on the order in which its records are met.
#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/tools/key_table.h"
#include "tests/support/sim_run.h"

namespace minikv::engine {
namespace {

using What = KeyOutcome::What;

struct TestRecord {
  RecordView view;
  RecordState state = RecordState::kGood;
};

struct Expected {
  What what = What::kAbsent;
  std::uint64_t sequence = 0;
  std::uint64_t version = 0;
  std::int64_t expiry_ms = 0;
};

// A random history, and what it comes to.
class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed) : random_(seed) {
    for (std::uint64_t sequence = 1; sequence <= 120; ++sequence) step(sequence);
  }

  std::vector<TestRecord> records;
  std::map<std::string, Expected> expected;

 private:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  std::string random_key() { return std::string(1, static_cast<char>('a' + random_() % 12)); }

  RecordView& add(RecordType type, std::string_view key, std::uint64_t sequence, std::uint64_t version) {
    TestRecord record;
    record.view.header.type = type;
    record.view.header.sequence = sequence;
    record.view.header.version = version;
    record.view.key = key;
    record.view.offset = sequence * 100;
    records.push_back(record);
    return records.back().view;
  }

  void step(std::uint64_t sequence) {
    const std::string key = random_key();
    Expected& now = expected[key];
    switch (random_() % 8) {
      case 0:
        add(RecordType::kDelete, keep(key), sequence, sequence);
        now = {What::kAbsent, sequence, sequence, 0};
        break;
      case 1: {
        const std::string end = random_() % 4 == 0 ? "" : random_key();
        add(RecordType::kRangeDelete, keep(key), sequence, sequence).value = keep(end);
        for (auto& [name, facts] : expected) {
          if (name >= key && (end.empty() || name < end)) facts = {What::kAbsent, sequence, sequence, 0};
        }
        break;
      }
      case 2:
      case 3:
        if (now.what != What::kValue) break;
        add(RecordType::kExpire, keep(key), sequence, now.version).header.expiry_ms =
            7000 + static_cast<int>(sequence);
        now.sequence = sequence;
        now.expiry_ms = 7000 + static_cast<int>(sequence);
        break;
      case 4:
        add(RecordType::kPut, keep(key), sequence, sequence).value_intact = false;
        records.back().state = RecordState::kDamagedValue;
        now = {What::kLost, sequence, sequence, 0};
        break;
      default:
        add(RecordType::kPut, keep(key), sequence, sequence);
        now = {What::kValue, sequence, sequence, 0};
        break;
    }
  }

  std::mt19937_64 random_;
  std::deque<std::string> texts_;
};

TEST(ToolsKeyTableTest, TheOrderOfRecordsDoesNotMatter) {
  const std::uint64_t rounds = sim::scaled_rounds(300);
  const std::uint64_t first_seed = sim::test_seed(1);
  SegmentFile segment;
  segment.entry.id = 1;
  for (std::uint64_t seed = first_seed; seed < first_seed + rounds; ++seed) {
    RandomHistory history(seed);
    std::mt19937_64 shuffle(seed + 1);
    std::shuffle(history.records.begin(), history.records.end(), shuffle);
    KeyTable table;
    for (const TestRecord& record : history.records) table.record(segment, record.view, record.state);
    table.decide();
    EXPECT_TRUE(table.missing().empty()) << "seed " << seed;
    for (const auto& [key, expected] : history.expected) {
      const KeyOutcome* outcome = table.find(key);
      const What what = outcome == nullptr ? What::kAbsent : outcome->what;
      ASSERT_EQ(what, expected.what) << "seed " << seed << " key " << key;
      if (what == What::kAbsent) continue;
      ASSERT_EQ(outcome->version, expected.version) << "seed " << seed << " key " << key;
      if (what == What::kLost) continue;
      ASSERT_EQ(outcome->sequence, expected.sequence) << "seed " << seed << " key " << key;
      ASSERT_EQ(outcome->expiry_ms, expected.expiry_ms) << "seed " << seed << " key " << key;
    }
  }
}

// Without any one of its records, the outcome is the right one, or the key is stale in a way that only that
// record knew.
TEST(ToolsKeyTableTest, AnExpiryTellsThatItsValueIsMissing) {
  SegmentFile segment;
  const auto make = [](RecordType type, std::uint64_t sequence, std::uint64_t version) {
    RecordView view;
    view.header.type = type;
    view.header.sequence = sequence;
    view.header.version = version;
    view.key = "k";
    return view;
  };
  KeyTable stale, deleted, alone, fine;
  stale.record(segment, make(RecordType::kPut, 1, 1), RecordState::kGood);
  deleted.record(segment, make(RecordType::kDelete, 2, 2), RecordState::kGood);
  fine.record(segment, make(RecordType::kPut, 3, 3), RecordState::kGood);
  for (KeyTable* table : {&stale, &deleted, &alone, &fine}) {
    table->record(segment, make(RecordType::kExpire, 4, 3), RecordState::kGood);
    table->decide();
  }
  for (const KeyTable* table : {&stale, &deleted, &alone}) {
    EXPECT_EQ(table->find("k")->what, What::kLost);
    EXPECT_EQ(table->find("k")->sequence, 3U);
    EXPECT_EQ(table->missing(), std::vector<std::string>{"k"});
  }
  EXPECT_EQ(fine.find("k")->what, What::kValue);
  EXPECT_TRUE(fine.missing().empty());
}

}  // namespace
}  // namespace minikv::engine
