// Old values: the values that tasks are going to read on the writer.
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

// The loader reads old values into memory before their task is queued. It reads them again before the task is
// executed, if they are not in memory by then.
//
// Thread safety: all members may be called from any thread.
class OldValueLoader {
 public:
  // All arguments must outlive it, and `readers` must have been stopped before it is destroyed.
  OldValueLoader(const KeyFinder& keys, const Options& options, ResidentPages& resident, const Log& log,
                 ReaderPool& readers)
      : keys_(keys), options_(options), resident_(resident), readers_(readers), values_(resident, log) {}

  // Store::try_load() and Store::load().
  bool try_load(std::span<OldValue> values) const;
  void load(std::span<OldValue> values) const;

  // Has a reader read the value of `handle`, or the error of that read, into `old`, and then call `done`.
  // `old` and the loader must stay valid until then. Throws std::bad_alloc where there is no memory for the
  // request; then neither happens.
  void load_on_reader(OldValue& old, const ValueHandle& handle, std::function<void()> done) const;

 private:
  std::optional<ValueHandle> find_wanted(OldValue& old) const;

  const KeyFinder& keys_;
  const Options& options_;
  ResidentPages& resident_;
  ReaderPool& readers_;
  const ValueReader values_;
};

}  // namespace minikv::engine
