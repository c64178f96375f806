// The engine: everything behind minikv::Store, put together.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/commit/writer.h"
#include "engine/compaction/compaction.h"
#include "engine/compaction/policy.h"
#include "engine/core/hint_file.h"
#include "engine/core/reader_pool.h"
#include "engine/core/state.h"
#include "engine/files/keeper.h"
#include "engine/io/file_system.h"
#include "engine/io/store_lock.h"
#include "engine/recovery/recovery.h"
#include "minikv/store.h"

namespace minikv::engine {

// Thread safety: as minikv::Store.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const std::string& directory, const Options& options);
  ~Engine();
  Status close();

  // ---- reads (engine/store/read.cpp, engine/store/read_ahead.cpp) ----
  std::optional<ValueHandle> locate(std::string_view key) const;
  std::vector<std::optional<ValueHandle>> multi_locate(std::span<const std::string_view> keys) const;
  void fetch_ahead(std::span<const std::string_view> keys) const;
  Result<Value> read(std::string_view key, const ValueHandle& handle, std::size_t room_bytes = 0) const;
  std::optional<Result<Value>> try_read(std::string_view key, const ValueHandle& handle) const;
  Status read_into(std::string_view key, const ValueHandle& handle, std::span<char> out,
                   const std::function<bool()>& should_stop) const;
  std::optional<Status> try_read_into(std::string_view key, const ValueHandle& handle,
                                      std::span<char> out) const;
  bool try_load(std::span<OldValue> values) const;
  void load(std::span<OldValue> values) const;
  void run_on_reader(std::function<void()> work) const { readers_->run(std::move(work)); }
  Result<Value> get(std::string_view key) const;
  std::vector<Result<Value>> multi_get(std::span<const std::string_view> keys) const;
  std::size_t count_existing(std::span<const std::string_view> keys) const;
  // engine/store/key_lookup.cpp
  Status look_up(KeyLookup& lookup, const std::function<bool()>& should_stop) const;
  void prepare(WriteTask& task) const;
  ScanPage scan(const ScanOptions& options) const;
  bool is_in_order() const { return state_->in_order.is_open(); }
  UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) const;
  std::uint64_t size() const;

  Status check_sizes(std::string_view key, std::uint64_t value_bytes) const;
  bool submit(std::span<WriteTask* const> tasks, CommitHere here);
  bool is_saturated() const { return writer_->is_saturated(); }
  void on_group_done(std::function<void()> callback) { writer_->on_group_done(std::move(callback)); }

  Result<CompactionResult> compact();
  std::int64_t now_ms() const { return time().engine_ms; }
  StoreTime time() const { return state_->clock.now(); }
  Stats stats() const;
  const Options& options() const { return state_->options; }

 private:
  Engine(StoreLock lock, std::unique_ptr<SharedState> state)
      : lock_(std::move(lock)),
        state_(std::move(state)),
        compaction_rate_(state_->options.compaction_rate_limit) {}

  static Result<Manifest> load_or_create_manifest(SharedState& state, ManifestFile& file);
  Status start();
  Status missing_memory() const;
  void want_hint(const ManifestSegment& segment);

  // ---- engine/store/key_lookup.cpp ----
  void look_up_or_throw(KeyLookup& lookup) const;
  class Preparer;
  Result<std::int64_t> find_keys(FoundKeys& found, const std::function<bool()>& should_stop) const;
  std::optional<std::int64_t> catch_up(FoundKeys& found) const;
  std::shared_ptr<CountedRange> count_range(const std::string& from, const std::string& to) const;
  bool count_some(CountedRange& counted) const MINIKV_REQUIRES_SHARED(state_->lock);

  Status write_lost_records(const std::vector<LostKey>& lost);

  // ---- engine/store/ordering.cpp ----
  void start_putting_in_order();
  void put_in_order();
  bool build_order();
  void stop_putting_in_order();

  // ---- compaction (engine/compaction/scheduler.cpp) ----
  CompactionPolicy compaction_policy() const;
  std::vector<SegmentUse> sealed_segments() const;
  Result<std::uint64_t> compact_step(const std::vector<ManifestSegment>& inputs)
      MINIKV_EXCLUDES(compactor_mutex_);
  Result<std::uint64_t> run_compaction(const std::vector<ManifestSegment>& inputs) noexcept;
  Result<CompactionResult> compact_on_thread() noexcept;
  Result<CompactionResult> compact_or_say_why() noexcept;
  void claim(const std::vector<ManifestSegment>& inputs) MINIKV_REQUIRES(compactor_mutex_);
  Result<CompactionResult> compact_everything();
  void give_up_claims(const std::vector<ManifestSegment>& inputs) MINIKV_EXCLUDES(compactor_mutex_);
  bool compact_if_due() MINIKV_EXCLUDES(compactor_mutex_);
  void start_background_compaction();
  void compact_in_background() MINIKV_EXCLUDES(compactor_mutex_);
  void wake_compactors() MINIKV_EXCLUDES(compactor_mutex_);
  double backlog() const;
  bool is_behind() MINIKV_EXCLUDES(compactor_mutex_);
  Haste compaction_haste() const;
  void stop_background_compaction() MINIKV_EXCLUDES(compactor_mutex_);

  StoreLock lock_;  // goes last, or with close()
  std::unique_ptr<SharedState> state_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<Writer> writer_;
  std::atomic<bool> closing_{false};
  std::thread order_thread_;

  RateLimit compaction_rate_;
  std::vector<std::thread> compactors_;
  Mutex compactor_mutex_;
  CondVar compactor_wake_;
  Status compaction_failure_ MINIKV_GUARDED_BY(compactor_mutex_);  // that was told
  std::chrono::steady_clock::time_point compaction_failed_at_ MINIKV_GUARDED_BY(compactor_mutex_);
  bool compaction_may_be_due_ MINIKV_GUARDED_BY(compactor_mutex_) = true;
  bool manual_compaction_ MINIKV_GUARDED_BY(compactor_mutex_) =
      false;  // one is under way; the others keep still
  std::set<std::uint64_t> claimed_ MINIKV_GUARDED_BY(compactor_mutex_);  // segments that somebody compacts
};

}  // namespace minikv::engine
