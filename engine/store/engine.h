// The engine: everything behind minikv::Store, put together.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/commit/writer.h"
#include "engine/compaction/scheduler.h"
#include "engine/core/key_finder.h"
#include "engine/core/old_value_loader.h"
#include "engine/core/reader_pool.h"
#include "engine/core/state.h"
#include "engine/core/value_reader.h"
#include "engine/files/keeper.h"
#include "engine/io/store_lock.h"
#include "engine/recovery/recovery.h"
#include "engine/store/scanner.h"
#include "engine/store/sorted_index_builder.h"
#include "minikv/store.h"

namespace minikv::engine {

// Makes the parts of a store, starts them and stops them, each in the order that the others need. Store calls
// the parts directly.
//
// Thread safety: as minikv::Store.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const std::string& directory, const Options& options);
  ~Engine();
  // kShutdown: close() has been called before.
  Status close();
  bool is_closed() const { return closing_; }

  const KeyFinder& keys() const { return keys_; }
  const ValueReader& values() const { return values_; }
  const Scanner& scanner() const { return scanner_; }
  const OldValueLoader& old_values() const { return *old_values_; }
  ReaderPool& readers() const { return *readers_; }
  Writer& writer() const { return *writer_; }
  CompactionScheduler& compaction() const { return *compaction_; }

  // Hands the tasks to the writer, and in single-threaded mode runs the compactions that are due then. True:
  // all tasks are done.
  bool submit(std::span<WriteTask* const> tasks, CommitHere here);

  const Options& options() const { return state_->options; }
  StoreTime time() const { return state_->clock.now(); }
  bool is_in_order() const { return state_->in_order.is_open(); }
  Stats stats() const;

 private:
  Engine(StoreLock lock, std::unique_ptr<SharedState> state);

  static Result<Manifest> load_or_create_manifest(SharedState& state, ManifestFile& file);
  Status start();
  Status make_parts(Recovered& recovered, ManifestFile file);
  Status missing_memory() const;
  void want_hint(const ManifestSegment& segment);
  Status write_lost_records(const std::vector<LostKey>& lost);

  StoreLock lock_;  // goes last, or with close()
  std::unique_ptr<SharedState> state_;
  std::atomic<bool> closing_{false};
  KeyFinder keys_;
  ValueReader values_;
  Scanner scanner_;
  // From here on: null until start() has made them.
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<OldValueLoader> old_values_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<SortedIndexBuilder> sorted_index_;
  std::unique_ptr<CompactionScheduler> compaction_;
};

}  // namespace minikv::engine
