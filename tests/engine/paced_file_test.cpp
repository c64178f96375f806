// Large writes are synced piece by piece, lose nothing on the way, and give way to those who sync the log.
#include "engine/core/paced_file.h"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::engine {
namespace {

using std::chrono::steady_clock;

constexpr auto kSyncTime = std::chrono::milliseconds(5);

// Remembers what was written, and how many bytes there were whenever it was synced.
class LedgerFile final : public File {
 public:
  Result<std::uint64_t> size() const override { return std::uint64_t{bytes.size()}; }
  Status read(std::uint64_t /*offset*/, std::span<char> /*out*/) const override { return {}; }
  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    EXPECT_EQ(offset, bytes.size());
    for (const std::string_view piece : pieces) bytes += piece;
    written.push_back(bytes.size() - offset);
    return {};
  }
  Status sync() override {
    synced_at.push_back(bytes.size());
    std::this_thread::sleep_for(kSyncTime);
    if (on_sync) on_sync();
    return sync_status;
  }
  Status truncate(std::uint64_t /*size*/) override { return {}; }
  void drop_cache() override {}
  Result<std::unique_ptr<Mapping>> map(std::uint64_t /*length*/) const override {
    return Status(StatusCode::kIoError, "not mapped");
  }

  std::string bytes;
  std::vector<std::size_t> written;
  std::vector<std::uint64_t> synced_at;
  std::function<void()> on_sync;
  Status sync_status;
};

class PacedFileTest : public ::testing::Test {
 protected:
  Pacing pacing(Fsync fsync) const { return {fsync, written_sequence_}; }
  // Writes 1 MiB and says how long it took.
  static steady_clock::duration write_mebibyte(PacedFile& file) {
    const std::string value(kMiB, 'v');
    const auto begin = steady_clock::now();
    EXPECT_TRUE(file.write(0, std::array{std::string_view(value)}));
    return steady_clock::now() - begin;
  }

  std::atomic<std::uint64_t> written_sequence_{0};
  LedgerFile ledger_;
};

TEST_F(PacedFileTest, SyncsAfterEveryQuarterOfAMebibyteHoweverTheBytesCome) {
  PacedFile file(ledger_, pacing(Fsync::kAlways));
  std::string expected;
  std::vector<std::string> parts;
  for (int i = 0; i < 40; ++i)
    parts.emplace_back(static_cast<std::size_t>(i) * 1'000 + 7, char('a' + i % 26));
  parts.emplace_back(700'000, '!');
  for (std::size_t first = 0; first < parts.size(); first += 2) {
    std::vector<std::string_view> pieces;
    const std::size_t offset = expected.size();
    for (std::size_t i = first; i < std::min(first + 2, parts.size()); ++i) {
      pieces.push_back(parts[i]);
      expected += parts[i];
    }
    ASSERT_TRUE(file.write(offset, pieces));
    ASSERT_EQ(ledger_.bytes, expected);
  }
  ASSERT_EQ(ledger_.synced_at.size(), expected.size() / (kMiB / 4));
  for (std::size_t i = 0; i < ledger_.synced_at.size(); ++i)
    EXPECT_EQ(ledger_.synced_at[i], (i + 1) * (kMiB / 4));
}

TEST_F(PacedFileTest, RestsForAsLongAsAPieceTookWhereSomebodyWrites) {
  PacedFile file(ledger_, pacing(Fsync::kAlways));
  ledger_.on_sync = [this] { ++written_sequence_; };
  EXPECT_GE(write_mebibyte(file), 4 * 2 * kSyncTime);
}

// A pause that nobody needs would only make compaction longer.
TEST_F(PacedFileTest, RestsOnlyWhereSomebodyHasWritten) {
  constexpr auto kTook = std::chrono::milliseconds(1);
  Pacer pacer(pacing(Fsync::kAlways));
  EXPECT_EQ(pacer.after(kTook, Urgency::kNone), steady_clock::duration::zero());
  for (const auto& [urgency, times] :
       {std::pair(Urgency::kNone, 4), {Urgency::kSome, 1}, {Urgency::kHigh, 0}}) {
    ++written_sequence_;
    EXPECT_EQ(pacer.after(kTook, urgency), times * kTook);
    EXPECT_EQ(pacer.after(kTook, urgency), steady_clock::duration::zero()) << "nobody has written since";
  }
  ++written_sequence_;
  EXPECT_EQ(pacer.after(std::chrono::seconds(1), Urgency::kNone), std::chrono::milliseconds(20));
  Pacer no_pacing(pacing(Fsync::kNever));
  ++written_sequence_;
  EXPECT_EQ(no_pacing.after(kTook, Urgency::kNone), steady_clock::duration::zero());
}

TEST_F(PacedFileTest, RestsLongerWhereItIsNotNeededSoon) {
  PacedFile file(ledger_, pacing(Fsync::kAlways), [] { return Urgency::kNone; });
  ledger_.on_sync = [this] { ++written_sequence_; };
  EXPECT_GE(write_mebibyte(file), 4 * 4 * kSyncTime);
}

TEST_F(PacedFileTest, WhereNobodyWaitsForSyncsThePiecesAreLarge) {
  PacedFile file(ledger_, pacing(Fsync::kNever));
  const std::string value(9 * kMiB, 'v');
  ASSERT_TRUE(file.write(0, std::array{std::string_view(value)}));
  EXPECT_EQ(ledger_.synced_at, (std::vector<std::uint64_t>{4 * kMiB, 8 * kMiB}));
}

TEST_F(PacedFileTest, BesideASyncOfEverySecondThePiecesAreLargeWhereSomebodyWaitsForThem) {
  Urgency urgency = Urgency::kSome;
  PacedFile file(ledger_, pacing(Fsync::kInterval), [&urgency] { return urgency; });
  ledger_.on_sync = [&] { urgency = Urgency::kHigh; };
  const std::string value(9 * kMiB, 'v');
  ASSERT_TRUE(file.write(0, std::array{std::string_view(value)}));
  EXPECT_EQ(ledger_.synced_at,
            (std::vector<std::uint64_t>{kMiB / 4, 4 * kMiB + kMiB / 4, 8 * kMiB + kMiB / 4}));
}

// The page cache's folios are as large as the writes that bring them in, and small ones are faster to read
// from.
TEST_F(PacedFileTest, WritesAtMost32KibibytesAtOnce) {
  PacedFile file(ledger_, pacing(Fsync::kInterval));
  const std::string first(100'001, 'a'), second(20'000, 'b');
  ASSERT_TRUE(file.write(0, std::array{std::string_view(first), std::string_view(second)}));
  EXPECT_EQ(ledger_.bytes, first + second);
  EXPECT_EQ(ledger_.written, (std::vector<std::size_t>{32'768, 32'768, 32'768, 120'001 - 3 * 32'768}));
}

TEST_F(PacedFileTest, AFailedSyncEndsTheWrite) {
  PacedFile file(ledger_, pacing(Fsync::kAlways));
  ledger_.sync_status = {StatusCode::kIoError, "the disk is gone"};
  const std::string value(kMiB, 'v');
  EXPECT_EQ(file.write(0, std::array{std::string_view(value)}).message(), "the disk is gone");
  EXPECT_EQ(ledger_.bytes.size(), kMiB / 4);
}

}  // namespace
}  // namespace minikv::engine
