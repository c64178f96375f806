// Walks over many keys: in pieces of a few hundred, so that the lock is never held for longer than one piece
// takes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/core/state.h"
#include "engine/core/value_reader.h"
#include "minikv/store.h"

namespace minikv::engine {

// minikv/store.h documents the members, by the same names.
//
// Thread safety: all members may be called from any thread.
class Scanner {
 public:
  // All must outlive it. Once `closing` is set, pages are empty.
  Scanner(SharedState& state, const ValueReader& values, const std::atomic<bool>& closing)
      : state_(state), values_(values), closing_(closing) {}

  ScanPage scan(const ScanOptions& options) const;
  UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) const;

 private:
  struct Piece;

  bool add_items(Piece& piece, const ScanOptions& options, ScanPage& page, std::uint64_t& bytes) const;

  SharedState& state_;
  const ValueReader& values_;
  const std::atomic<bool>& closing_;
};

}  // namespace minikv::engine
