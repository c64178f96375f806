// A hint whose checksums are all right and that is wrong all the same, from a bug or by intent: it names
// records that are not where it says. That costs the keys that it speaks of, and nothing else.
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/format/hint.h"
#include "engine/format/layout.h"
#include "minikv/store.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

constexpr int kForgedKeys = 20;

class ForgedHintTest : public ::testing::Test {
 protected:
  // One sealed segment, with two records of each key, and its hint.
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(open());
    for (const char* round : {"old", "new"}) {
      for (int i = 0; i < kForgedKeys; ++i) ASSERT_TRUE(store_->set(key(i), round + std::to_string(i)));
    }
    close();
    for (const std::string& path : files_.disk().files()) {
      if (path.ends_with(".hint")) hint_path_ = path;
    }
    ASSERT_FALSE(hint_path_.empty());
    segment_path_ = hint_path_.substr(0, hint_path_.rfind('.')) + ".dat";
    ASSERT_TRUE(files_.disk().exists(segment_path_));
  }

  static std::string key(int i) { return "key" + std::to_string(100 + i); }
  void open() {
    store_.reset();
    Options options;
    options.single_threaded = true;
    options.segment_size = kMiB;
    options.compaction_threshold = 0;
    options.file_system = &files_;
    auto opened = Store::open("data", options);
    ASSERT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }
  void close() {
    ASSERT_TRUE(store_->close());
    store_.reset();
  }

  // An entry that can be changed.
  struct Entry {
    RecordHeader header;
    std::string key;
    std::uint64_t offset;
  };
  // Changes what the hint says, and makes all of its checksums right again.
  void forge(const std::function<void(std::vector<Entry>&)>& change) {
    const auto hint = parse_hint(files_.disk().contents(hint_path_), nullptr);
    ASSERT_TRUE(hint) << hint.status().message();
    std::vector<Entry> entries;
    hint->for_each([&](const HintEntry& entry) {
      entries.push_back({entry.header, std::string(entry.key), entry.offset});
      return true;
    });
    change(entries);
    HintBuilder forged;
    for (Entry& entry : entries) {
      entry.header.key_length = static_cast<std::uint16_t>(entry.key.size());
      forged.add(entry.header, entry.key, {}, entry.offset);
    }
    forged.note_time(hint->newest_time_ms());
    forged.arrange();
    HintIdentity identity;
    identity.store_id = hint->header().store_id;
    identity.segment = {SegmentId(hint->header().segment_id), hint->header().salt};
    identity.segment_size = hint->header().segment_size;
    identity.min_seq = hint->header().min_seq;
    identity.max_seq = hint->header().max_seq;
    ASSERT_TRUE(files_.remove(hint_path_));
    const auto file = files_.open(hint_path_, OpenMode::kCreate);
    ASSERT_TRUE(file);
    ASSERT_TRUE(forged.write(identity, **file));
    ASSERT_TRUE(parse_hint(files_.disk().contents(hint_path_), &identity))
        << "this is no test of damaged hints";
  }

  // That the key is CORRUPT, and the others are what they were.
  void expect_lost(const std::string& lost) {
    EXPECT_EQ(store_->get(lost).code(), StatusCode::kCorruption);
    EXPECT_TRUE(store_->exists(lost));
    for (int i = 0; i < kForgedKeys; ++i) {
      if (key(i) == lost) continue;
      const auto value = store_->get(key(i));
      EXPECT_TRUE(value && value->data == "new" + std::to_string(i))
          << key(i) << ": " << value.status().message();
    }
  }
  // Before and after compaction, which can't know what it would throw away, and again after a restart. Until
  // somebody has made up for it.
  void expect_to_cost_only(const std::string& lost) {
    for (int start = 0; start < 2; ++start) {
      ASSERT_NO_FATAL_FAILURE(open());
      expect_lost(lost);
      EXPECT_EQ(store_->compact().code(), StatusCode::kCorruption);
      EXPECT_TRUE(files_.disk().exists(segment_path_)) << "compaction has taken it away";
      expect_lost(lost);
      close();
    }
    ASSERT_NO_FATAL_FAILURE(open());
    EXPECT_TRUE(*store_->remove(lost));
    const auto compacted = store_->compact();
    EXPECT_TRUE(compacted) << compacted.status().message();
    EXPECT_EQ(store_->get(lost).code(), StatusCode::kNotFound);
    close();
    ASSERT_NO_FATAL_FAILURE(open());
    EXPECT_FALSE(files_.disk().exists(segment_path_));
  }

  sim::SimFileSystem files_;
  std::unique_ptr<Store> store_;
  std::string hint_path_, segment_path_;
};

TEST_F(ForgedHintTest, AKeyThatIsNotThereIsCorruptAndCompactionLeavesItsSegmentAlone) {
  forge([](std::vector<Entry>& entries) {
    Entry made_up = entries.back();  // the place of another key's record
    made_up.key = "ghost1";
    entries.push_back(made_up);
  });
  expect_to_cost_only("ghost1");
}

TEST_F(ForgedHintTest, APlaceBetweenRecordsIsCorruptAndCompactionLeavesItsSegmentAlone) {
  forge([](std::vector<Entry>& entries) { entries[7].offset += kAlignment; });
  expect_to_cost_only(key(7));
}

TEST_F(ForgedHintTest, ThePlaceOfAnOlderRecordOfTheKeyIsNotTheOlderValue) {
  // Each record is a group of its own, so that all of them are as long.
  forge([](std::vector<Entry>& entries) {
    const std::uint64_t step = entries[1].offset - entries[0].offset;
    entries[7].offset -= kForgedKeys * step;
  });
  expect_to_cost_only(key(7));
}

TEST_F(ForgedHintTest, ALengthThatReachesToTheEndOfTheSegmentIsCorrupt) {
  const std::uint64_t size = files_.disk().size(segment_path_);
  forge([&](std::vector<Entry>& entries) {
    Entry& entry = entries[7];
    entry.header.value_length = static_cast<std::uint32_t>(size - entry.offset - sizeof(RecordHeader) -
                                                           entry.key.size() - kAlignment);
  });
  expect_to_cost_only(key(7));
}

}  // namespace
}  // namespace minikv::engine
