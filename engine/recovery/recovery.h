// Recovery: from files to an index, with damage found and named.
#pragma once

#include <utility>

#include "engine/core/state.h"
#include "engine/format/manifest.h"
#include "engine/recovery/log_loader.h"
#include "engine/recovery/record_loader.h"
#include "engine/recovery/recovered.h"
#include "engine/recovery/sealed_loader.h"

namespace minikv::engine {

// Reads a store's files into `state.index` and `state.segments`. Changes nothing before it knows that the
// store can be opened; then it removes leftovers and keeps torn tails aside. The caller has to commit the
// manifest, and cuts files after that.
//
// Thread safety: run() once, by one thread, before any other sees `state`.
class Recovery {
 public:
  Recovery(SharedState& state, Manifest manifest)
      : state_(state),
        manifest_(std::move(manifest)),
        records_(state),
        sealed_(state, manifest_, records_, result_),
        log_(state, manifest_, records_, result_) {}

  // May throw std::bad_alloc, which leaves the files as a crash meanwhile would.
  Result<Recovered> run();

 private:
  Status check_numbers_and_time() const;
  std::uint64_t next_sequence() const;

  SharedState& state_;
  Manifest manifest_;
  Recovered result_;
  RecordLoader records_;
  SealedLoader sealed_;
  LogLoader log_;
};

}  // namespace minikv::engine
