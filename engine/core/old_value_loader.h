// Values for tasks that are going to read them on the writer.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "engine/core/key_finder.h"
#include "engine/core/reader_pool.h"
#include "engine/core/value_reader.h"
#include "engine/segment/resident_pages.h"
#include "minikv/options.h"
#include "minikv/transaction.h"

namespace minikv::engine {

// Brings them into memory before the task is queued; or before it is executed, if they have changed and left
// memory again meanwhile.
//
// Thread safety: all members may be called from any thread.
class OldValueLoader {
 public:
  // All must outlive it, and `readers` must have been stopped by then.
  OldValueLoader(const KeyFinder& keys, const Options& options, WarmPages& warm, ReaderPool& readers)
      : keys_(keys), options_(options), warm_(warm), readers_(readers), values_(warm) {}

  // Store::try_load() and Store::load().
  bool try_load(std::span<OldValue> values) const;
  void load(std::span<OldValue> values) const;

  // Has a reader read the value of `handle` into `old`, whatever comes of it, and then call `done`. Both must
  // stay until then. Throws std::bad_alloc where there is no memory to ask for it: then neither happens.
  void load_on_reader(OldValue& old, const ValueHandle& handle, std::function<void()> done) const;

 private:
  std::optional<ValueHandle> find_wanted(OldValue& old) const;

  const KeyFinder& keys_;
  const Options& options_;
  WarmPages& warm_;
  ReaderPool& readers_;
  const ValueReader values_;
};

}  // namespace minikv::engine
