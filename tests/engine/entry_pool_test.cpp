// The memory that entries lie in.

#include "engine/index/entry_pool.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace minikv::engine {
namespace {

struct Piece {
  std::size_t bytes = 0;
  char filled_with = 0;
};
using Pieces = std::map<void*, Piece>;

std::size_t some_size(std::mt19937_64& random) {
  // Mostly as entries are; some at the edges, some large.
  switch (random() % 8) {
    case 0: return 8 + random() % 520;
    case 1: return 505 + random() % 16;
    case 2: return 512 + random() % 60'000;
    default: return 24 + random() % 40;
  }
}

void expect_untouched(const Pieces& pieces) {
  for (const auto& [memory, piece] : pieces) {
    const char* const bytes = static_cast<const char*>(memory);
    const auto different =
        std::count_if(bytes, bytes + piece.bytes,
                      [filled_with = piece.filled_with](char byte) { return byte != filled_with; });
    ASSERT_EQ(different, 0);
  }
}

void expect_shows(const EntryPool& pool, const Pieces& pieces) {
  std::set<void*> shown;
  pool.for_each([&](void* piece) { EXPECT_TRUE(shown.insert(piece).second); });
  ASSERT_EQ(shown.size(), pieces.size());
  for (const auto& [memory, piece] : pieces) ASSERT_TRUE(shown.contains(memory));
}

TEST(EntryPoolTest, PiecesAreApartAndKeepWhatIsInThem) {
  std::mt19937_64 random(5);
  EntryBlocks blocks;
  EntryPool pool(blocks);
  Pieces pieces;
  for (int step = 0; step < 60'000; ++step) {
    // It grows to ten thousand pieces and more, and shrinks again.
    const bool grows = step % 40'000 < 20'000;
    if (pieces.empty() || random() % 4 < (grows ? 3U : 1U)) {
      const std::size_t bytes = some_size(random);
      const Piece piece{bytes, static_cast<char>(random())};
      void* const memory = pool.allocate(bytes);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 16, 0U);
      std::memset(memory, piece.filled_with, bytes);
      ASSERT_TRUE(pieces.emplace(memory, piece).second);
    } else {
      auto going = pieces.lower_bound(reinterpret_cast<void*>(random() >> 17));
      if (going == pieces.end()) going = pieces.begin();
      pool.free(going->first, going->second.bytes);
      pieces.erase(going);
    }
    if (step % 10'000 == 9'999) {
      expect_untouched(pieces);
      expect_shows(pool, pieces);
    }
  }
}

// What two pools have taken of the same blocks stays apart, and goes along with a swap.
TEST(EntryPoolTest, SeveralShareBlocks) {
  EntryBlocks blocks;
  EntryPool one(blocks), other(blocks);
  std::set<void*> of_one, of_other;
  for (int i = 0; i < 5'000; ++i) {
    of_one.insert(one.allocate(40));
    of_other.insert(other.allocate(40));
  }
  for (void* const piece : of_one) EXPECT_FALSE(of_other.contains(piece));
  one.swap(other);
  std::size_t shown = 0;
  other.for_each([&](void* piece) { shown += of_one.contains(piece) ? 1U : 0U; });
  EXPECT_EQ(shown, of_one.size());
  for (void* const piece : of_one) other.free(piece, 40);
  other.for_each([](void*) { ADD_FAILURE() << "all were freed"; });
  for (void* const piece : of_other) one.free(piece, 40);
}

TEST(EntryPoolTest, WhatIsFreedIsUsedAgainAndGivenBack) {
  for (const bool many : {false, true}) {
    EntryBlocks blocks;
    blocks.expect_many(many);
    EntryPool pool(blocks);
    constexpr std::size_t kPieces = 1'000'000, kBytes = 40;  // 48 MB
    std::vector<void*> pieces(kPieces);
    for (void*& piece : pieces) piece = pool.allocate(kBytes);
    const std::size_t mapped = blocks.mapped_bytes();
    EXPECT_GE(mapped, kPieces * EntryPool::taken_by(kBytes));
    EXPECT_LE(mapped, kPieces * EntryPool::taken_by(kBytes) * 11 / 10);
    for (std::size_t i = 0; i < kPieces; i += 2) pool.free(pieces[i], kBytes);
    for (std::size_t i = 0; i < kPieces; i += 2) pieces[i] = pool.allocate(kBytes);
    EXPECT_EQ(blocks.mapped_bytes(), mapped);
    for (void* const piece : pieces) pool.free(piece, kBytes);
    EXPECT_LE(blocks.mapped_bytes(), 2U << 20U) << "of what is empty one region is kept";
    // Blocks that were of one size may be of another now.
    for (void*& piece : pieces) piece = pool.allocate(16);
    EXPECT_LE(blocks.mapped_bytes(), kPieces * 16 * 11 / 10 + (2U << 20U));
  }
}

}  // namespace
}  // namespace minikv::engine
