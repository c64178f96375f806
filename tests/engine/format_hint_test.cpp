// Hints: they say what the segment says, and one that is damaged or another's is never believed.
#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/format/crc32c.h"
#include "engine/format/file_names.h"
#include "engine/format/hint.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

HintIdentity identity() {
  HintIdentity identity;
  for (std::uint8_t i = 0; i < 16; ++i) identity.store_id[i] = i;
  identity.segment = {SegmentId(7), 0x1234567890ABCDEF};
  identity.segment_size = 4096;
  identity.min_seq = 3;
  identity.max_seq = 99;
  return identity;
}

RecordHeader record(RecordType type, std::string_view key, std::uint64_t sequence,
                    std::uint32_t value_bytes = 0, std::uint64_t version = 0) {
  RecordHeader header{};
  header.type = type;
  header.key_length = static_cast<std::uint16_t>(key.size());
  header.value_length = value_bytes;
  header.sequence = sequence;
  header.version = version == 0 ? sequence : version;
  return header;
}

class HintFileTest : public ::testing::Test {
 protected:
  void add(RecordType type, std::string_view key, std::uint64_t sequence, std::string_view value = {},
           std::uint64_t version = 0) {
    builder_.add(record(type, key, sequence, static_cast<std::uint32_t>(value.size()), version), key, value,
                 sequence * 8);
  }

  // The file's bytes.
  std::string written() {
    builder_.arrange();
    sim::SimFileSystem file_system;
    EXPECT_TRUE(file_system.create_dir("d"));
    auto file = file_system.open("d/hint", OpenMode::kCreate);
    EXPECT_TRUE(file) << file.status().message();
    EXPECT_TRUE(builder_.write(identity(), **file));
    std::string bytes((*file)->size().value(), '\0');
    EXPECT_TRUE((*file)->read(0, bytes));
    return bytes;
  }

  // "put a@5, delete b@7 ..." in the hint's order.
  static std::string told(const std::string& bytes) {
    const HintIdentity expected = identity();
    const auto hint = parse_hint(bytes, &expected);
    if (!hint) return hint.status().message();
    std::string text;
    hint->for_each([&](const HintEntry& entry) {
      const char* const names[] = {"?", "put", "delete", "expire", "range", "lost"};
      text += std::string(text.empty() ? "" : ", ") + names[static_cast<int>(entry.header.type)] + " " +
              std::string(entry.key) + "@" + std::to_string(entry.header.sequence) +
              (entry.value.empty() ? "" : "=" + std::string(entry.value));
      EXPECT_EQ(entry.offset, entry.header.sequence * 8);
      return true;
    });
    return text;
  }

  HintBuilder builder_;
};

TEST_F(HintFileTest, SaysTheNewestOfEachKeyInOrder) {
  add(RecordType::kPut, "b", 3, "old");
  add(RecordType::kPut, "a", 4, "value");
  add(RecordType::kPut, "b", 5, "new");
  add(RecordType::kPut, "c", 6);
  add(RecordType::kDelete, "c", 7);
  add(RecordType::kPut, "", 8);
  builder_.note_time(50);
  builder_.note_time(40);
  const std::string bytes = written();
  EXPECT_EQ(told(bytes), "put @8, put a@4, put b@5, delete c@7");
  const auto hint = parse_hint(bytes, nullptr);
  ASSERT_TRUE(hint);
  EXPECT_EQ(hint->entry_count(), 4u);
  EXPECT_EQ(hint->newest_time_ms(), 50);
}

// They are sorted by a piece of each key first: whatever keys have in common, and wherever one ends, the
// order is that of bytes.
TEST_F(HintFileTest, TellsKeysOfAllShapesInTheOrderOfTheirBytes) {
  std::mt19937 random(11);
  const std::string_view prefixes[] = {"", "k", "key:000000", "a prefix of more than eight bytes"};
  for (int round = 0; round < 80; ++round) {
    const std::string_view common = prefixes[round % 4];
    builder_.clear();
    std::set<std::string> keys;
    for (std::uint64_t sequence = 3; sequence < 100; ++sequence) {
      std::string key(common);
      for (auto left = random() % 12; left > 0; --left)
        key += std::string_view("\0\1ab\x7f\x80\xff", 7)[random() % 7];
      keys.insert(key);
      add(RecordType::kPut, key, sequence);
    }
    const auto hint = parse_hint(written(), nullptr);
    ASSERT_TRUE(hint);
    std::vector<std::string> told;
    hint->for_each([&](const HintEntry& entry) {
      told.emplace_back(entry.key);
      return true;
    });
    EXPECT_EQ(told, std::vector<std::string>(keys.begin(), keys.end())) << common;
  }
}

TEST_F(HintFileTest, KeepsWhatAnExpiryBelongsToAndTheNewestExpiry) {
  add(RecordType::kPut, "a", 3, "v");
  add(RecordType::kExpire, "a", 4);
  add(RecordType::kExpire, "a", 5);
  add(RecordType::kExpire, "b", 6);  // its put is in another segment
  add(RecordType::kExpire, "c", 7);
  add(RecordType::kPut, "c", 8);
  EXPECT_EQ(told(written()), "expire a@5, put a@3, expire b@6, put c@8");
}

TEST_F(HintFileTest, KeepsRangesApartFromTheKeyTheyBeginWith) {
  add(RecordType::kPut, "a", 3);
  add(RecordType::kRangeDelete, "a", 4, "b");
  add(RecordType::kPut, "a", 5);
  add(RecordType::kRangeDelete, "a", 6, "c");  // covers the first
  add(RecordType::kRangeDelete, "b", 7);       // to the end
  add(RecordType::kRangeDelete, "b", 8, "c");  // covers less
  EXPECT_EQ(told(written()), "range a@6=c, put a@5, range b@8=c, range b@7");
}

// A `lost` record is written later than the record it stands for, and counts as that one.
TEST_F(HintFileTest, PutsALostRecordInThePlaceOfTheOneItNames) {
  add(RecordType::kLost, "a", 9, "\1", 3);
  add(RecordType::kPut, "a", 3);
  add(RecordType::kLost, "b", 10, "\1", 4);
  add(RecordType::kPut, "b", 5);
  EXPECT_EQ(told(written()), "lost a@9=\1, put b@5");
}

TEST_F(HintFileTest, OfNothingIsAHint) { EXPECT_EQ(told(written()), ""); }

TEST_F(HintFileTest, EverySingleBitFlipAndEveryCutIsNoticed) {
  add(RecordType::kPut, "key", 3, "value");
  add(RecordType::kDelete, "other", 4);
  add(RecordType::kRangeDelete, "p", 5, "q");
  const std::string good = written();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(parse_hint(bad, nullptr).code(), StatusCode::kCorruption) << "bit " << bit;
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(parse_hint(good.substr(0, size), nullptr).code(), StatusCode::kCorruption) << size;
  }
  EXPECT_EQ(parse_hint(good + std::string(8, '\0'), nullptr).code(), StatusCode::kCorruption);
}

TEST_F(HintFileTest, OfAnotherStoreSegmentLifeOrStateIsNotBelieved) {
  add(RecordType::kPut, "key", 3, "value");
  const std::string bytes = written();
  const auto refused = [&](auto change) {
    HintIdentity other = identity();
    change(other);
    return parse_hint(bytes, &other).code() == StatusCode::kCorruption;
  };
  EXPECT_FALSE(refused([](HintIdentity&) {}));
  EXPECT_TRUE(refused([](HintIdentity& other) { other.store_id[3] ^= 1; }));
  EXPECT_TRUE(refused([](HintIdentity& other) { other.segment.id = SegmentId(8); }));
  EXPECT_TRUE(refused([](HintIdentity& other) { other.segment.salt ^= 1; }));
  EXPECT_TRUE(refused([](HintIdentity& other) { other.segment_size += 8; }));
  EXPECT_TRUE(refused([](HintIdentity& other) { other.min_seq = 4; }));
  EXPECT_TRUE(refused([](HintIdentity& other) { other.max_seq = 98; }));
}

// Lengths that do not fit, behind checksums that do: what a fault in memory or a program gone wild may leave.
TEST_F(HintFileTest, LengthsThatLeadOutOfTheFileAreNoticed) {
  add(RecordType::kPut, "key", 3, "value");
  const std::string good = written();
  const auto with_key_length = [&](std::uint16_t length) {
    std::string bad = good;
    std::memcpy(bad.data() + sizeof(HintHeader) + offsetof(HintEntryHeader, record) +
                    offsetof(RecordHeader, key_length),
                &length, sizeof(length));
    const std::uint32_t body = crc32c(std::string_view(bad).substr(sizeof(HintHeader)));
    std::memcpy(bad.data() + offsetof(HintHeader, body_checksum), &body, sizeof(body));
    const std::size_t from = offsetof(HintHeader, format_version);
    const std::uint32_t head = crc32c(std::string_view(bad).substr(from, sizeof(HintHeader) - from));
    std::memcpy(bad.data() + offsetof(HintHeader, checksum), &head, sizeof(head));
    return bad;
  };
  EXPECT_TRUE(parse_hint(with_key_length(3), nullptr));
  EXPECT_EQ(parse_hint(with_key_length(300), nullptr).code(), StatusCode::kCorruption);
}

// The index could not even hold some of them.
TEST_F(HintFileTest, AnEntryThatPointsOutOfItsSegmentIsNoticed) {
  for (const std::uint64_t offset :
       {std::uint64_t{4096}, std::uint64_t{4096 - 40}, std::uint64_t{84}, ~std::uint64_t{7}}) {
    HintBuilder builder;
    RecordHeader header{};
    header.type = RecordType::kPut;
    header.key_length = 3;
    builder.add(header, "key", "", offset);
    sim::SimFileSystem files;
    auto file = files.open("hint", OpenMode::kCreate);
    ASSERT_TRUE(file && builder.write(identity(), **file));
    EXPECT_EQ(parse_hint(files.disk().contents("hint"), nullptr).code(), StatusCode::kCorruption) << offset;
  }
}

TEST(HintNameTest, IsToldFromOthers) {
  EXPECT_EQ(hint_name(SegmentId(12)), "segment-00000012.hint");
  EXPECT_EQ(parse_hint_name("segment-00000012.hint").number(), 12u);
  EXPECT_EQ(parse_hint_name("segment-12.hint").number(), 0u);
  EXPECT_EQ(parse_hint_name("segment-00000012.dat").number(), 0u);
  EXPECT_EQ(parse_hint_name("segment-00000012.hint.tmp").number(), 0u);
}

}  // namespace
}  // namespace minikv::engine
