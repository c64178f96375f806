// minikv's storage engine as a library: a durable map from byte strings to byte strings whose index is in
// memory and whose values are on disk.
//
//   auto store = minikv::Store::open("data", {});
//   if (!store) return fail(store.status().message());
//   (*store)->set("name", "Alice");
//   auto name = (*store)->get("name");      // name->data == "Alice"
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "minikv/key_lookup.h"
#include "minikv/options.h"
#include "minikv/status.h"
#include "minikv/store_time.h"
#include "minikv/transaction.h"

namespace minikv {

namespace engine {
class Engine;
}

// The first key behind all keys that begin with `prefix`; nothing: these keys go on to the last one.
std::optional<std::string> end_of_prefix(std::string_view prefix);

// Several changes that happen together or not at all.
// Thread safety: distinct objects may be used by distinct threads at once.
class WriteBatch {
 public:
  WriteBatch& set(std::string_view key, std::string_view value, std::int64_t expiry_ms = kNoExpiry);
  WriteBatch& remove(std::string_view key);
  std::size_t size() const { return changes_.size(); }
  void clear() { changes_.clear(); }

 private:
  friend class Store;
  struct Change {
    std::string key;
    std::optional<std::string> value;  // nothing: remove
    std::int64_t expiry_ms = kNoExpiry;
  };
  std::vector<Change> changes_;
};

// The keys to walk over, in byte order: keys k with from <= k < to.
struct ScanOptions {
  std::string from;
  std::optional<std::string> to;  // nothing: to the end
  std::string prefix;             // and beginning with this
  std::optional<std::string>
      after;                 // and behind this one in the direction of the walk: where the last page ended
  std::size_t limit = 1000;  // at most this many
  std::uint64_t max_bytes =
      16 * kMiB;         // stop when keys and values together pass this, though not before the first
  bool reverse = false;  // from the last key to the first
  bool with_values = true;
  bool with_handles = false;  // instead: the locations of the values, for Store::read(); no disk I/O
};

struct ScanItem {
  std::string key;
  Status status;       // why the value could not be read, if it could not: kCorruption or kIoError
  Value value;         // empty without ScanOptions::with_values
  ValueHandle handle;  // with ScanOptions::with_handles
};

// A page is not a snapshot: a key that is there throughout the call appears once, with a value that it had
// during the call.
struct ScanPage {
  std::vector<ScanItem> items;
  bool more = false;  // there are more keys; go on with `after` = the last item's key
};

// Some keys, in an order of no meaning.
struct UnorderedPage {
  std::vector<std::string> keys;
  std::uint64_t next = 0;  // where to go on, below 2^53; 0: that was all
};

struct CompactionResult {
  std::uint64_t reclaimed_bytes = 0;
  std::uint64_t duration_ms = 0;
};

struct Stats {
  std::uint64_t keys = 0;
  std::uint64_t live_bytes = 0;         // records that the index points to
  std::uint64_t dead_bytes = 0;         // what compaction could give back
  std::uint64_t disk_bytes = 0;         // all segment files, the spare included
  std::uint64_t segments = 0;           // sealed ones and the active one
  std::uint64_t recycled_segments = 0;  // made of files of compacted ones, since the store was opened
  std::uint64_t index_bytes = 0;        // about what the index takes in memory, keys included
  std::uint64_t last_sequence = 0;      // of the newest write that readers see
  std::uint64_t durable_sequence = 0;
  std::int64_t durable_unix_ms =
      0;  // when a sync last covered what was written until then, by the wall clock; or open()
  std::uint64_t groups = 0;  // group commits since the store was opened
  std::uint64_t writes = 0;  // records among them
  std::uint64_t syncs = 0;
  std::uint64_t compactions = 0;
  std::uint64_t reclaimed_bytes = 0;
  std::uint64_t lost_keys = 0;  // keys that answer kCorruption
  std::uint64_t keys_with_expiry = 0;
  std::uint64_t expired_keys = 0;  // that left memory since the store was opened
  std::uint64_t cut_bytes = 0;  // torn tails that recovery cut off and kept aside, since the store was opened
  std::uint64_t recovery_ms = 0;
  std::uint64_t open_files = 0;      // segments that are open for reading now
  std::uint64_t max_open_files = 0;  // that the store may have open in all
  std::int64_t time_ahead_ms = 0;    // engine time's lead over the wall clock; see StoreTime
  // Whether writes that take room are refused (or were, a moment ago), and for how long.
  bool disk_full = false;
  std::uint64_t disk_full_ms = 0;
  std::uint64_t disk_free_bytes = 0;     // of the file system
  std::uint64_t disk_reserve_bytes = 0;  // that the store has and keeps for deletes and compaction
  // Writes that were refused since the store was opened, by reason.
  std::uint64_t refused_disk_full = 0;
  std::uint64_t refused_io_error = 0;
  std::uint64_t refused_read_only = 0;
  std::uint64_t refused_memory = 0;
  std::uint64_t refused_index_full = 0;
  // Whether writes that add keys are refused (or were, a moment ago), and for how long; see
  // Options::max_index_bytes.
  bool index_full = false;
  std::uint64_t index_full_ms = 0;
  // Whether writes are refused (or were, a moment ago) for another reason than a full disk or index: an error
  // of a write, or no other segment to go on in. For how long, and why the last one was refused.
  bool writes_failing = false;
  std::uint64_t writes_failing_ms = 0;
  std::string writes_failing_reason;
  bool read_only = false;  // a sync has failed
  std::string read_only_reason;
};

// A store, open for as long as the object lives.
//
// Durability: an acknowledged change is as durable as Options::fsync says. A crash leaves a prefix of the
// order of writes; a batch survives whole or not at all. Readers never see a change that is less durable than
// that. Damage is reported: the key of a value that does not check out answers kCorruption, never an older
// value and never kNotFound.
//
// Thread safety: all members may be called from any thread, but close() only once and last.
class Store {
 public:
  // Opens or creates the store in `directory`. kLocked: another process has it open. kRefused, with nothing
  // changed: it is not a store, has a newer format, damage that does not tell its keys, or a file that does
  // not belong there.
  static Result<std::unique_ptr<Store>> open(const std::string& directory, const Options& options);
  ~Store();  // close(), for callers that do not need its answer

  // Finishes the submitted tasks, syncs, seals and unlocks the directory. Later calls answer kShutdown.
  Status close();

  // ---- reads: never wait for a sync ----
  Result<Value> get(std::string_view key) const;
  // Reads all keys at one moment; answers in the order of `keys`.
  std::vector<Result<Value>> multi_get(std::span<const std::string_view> keys) const;
  bool exists(std::string_view key) const;  // no disk I/O
  std::size_t count_existing(
      std::span<const std::string_view> keys) const;  // from one moment; repeats count again
  // Waits until is_in_order().
  ScanPage scan(const ScanOptions& options) const;
  // False for a moment after open() of a store with many keys: the store builds the sorted index then. Only
  // calls that go through the keys in order wait for it: scan(), remove_range(), remove_prefix(), clear(),
  // and those of Transaction likewise. clear() and Transaction's calls wait on the writer, so that other
  // writes wait too.
  bool is_in_order() const;
  // Returns about `count` keys from `position` on (0: from the beginning; or UnorderedPage::next), so that a
  // walk needs only a number to go on. A walk shows each key that is there throughout at least once. For any
  // other number the call answers with keys that are there, too. Positions mean nothing to another Store.
  UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) const;
  // The location of the key's value; nothing: there is no such key. No disk I/O.
  std::optional<ValueHandle> locate(std::string_view key) const;
  Result<Value> read(std::string_view key, const ValueHandle& handle) const;
  // As read(), into memory of the caller's: `out` has handle.value_bytes() bytes. All checks are made on the
  // bytes that are in `out` when the call returns; the store neither reads nor copies any of them after its
  // check. On any error the bytes in `out` mean nothing. A large value is read in pieces of kReadPieceBytes.
  // Before each piece the calling thread asks `should_stop` (if there is one) whether to stop: true ends the
  // read with kCancelled.
  Status read_into(std::string_view key, const ValueHandle& handle, std::span<char> out,
                   const std::function<bool()>& should_stop = {}) const;
  static constexpr std::size_t kReadPieceBytes = 256 * 1024;
  std::uint64_t size() const;  // keys; where very many expire at once, some may be counted for a while

  // ---- for servers: reads on a thread that must not wait for the disk ----
  // Looks up any number of keys, all at one moment, and holds up neither writes nor other reads meanwhile.
  // `should_stop` as for read_into(). kOutOfMemory, kCancelled: then `lookup` has no answer.
  Status look_up(KeyLookup& lookup, const std::function<bool()>& should_stop = {}) const;
  // A look-up of more keys than this belongs on a thread that serves no other requests.
  static constexpr std::size_t kMaxKeysAtOnce = 1000;
  // As locate(), for all keys at one moment.
  std::vector<std::optional<ValueHandle>> multi_locate(std::span<const std::string_view> keys) const;
  // Prefetches what the look-up and the read of each of these keys will access, for a caller that is about to
  // do both, key by key. Most of their time is waiting for memory, and here the waits of all keys overlap (of
  // very many keys, those of the first). The call changes nothing but the time.
  void prefetch(std::span<const std::string_view> keys) const;
  // As read(); nothing if the value is not in memory, or has more than kMaxValueAtOnceBytes. Then the caller
  // has to call read() on a thread that may wait.
  std::optional<Result<Value>> try_read(std::string_view key, const ValueHandle& handle) const;
  static constexpr std::uint32_t kMaxValueAtOnceBytes = 64 * 1024;
  // As read_into(), under the same condition; with nothing, the bytes in `out` mean nothing.
  std::optional<Status> try_read_into(std::string_view key, const ValueHandle& handle,
                                      std::span<char> out) const;
  // Runs `work` on one of Options::reader_threads, which may wait for the disk. `work` must not throw, and
  // must not wait for anything else. In single-threaded mode it runs at once.
  void run_on_reader(std::function<void()> work) const;
  // Whether a task that announces these old values (WriteTask::old_values()) can be submitted at once: they
  // are in memory, or there is nothing to read. Values that the call had to read are kept in `values`. False:
  // the caller has to call load() before, on a thread that may wait.
  bool try_load(std::span<OldValue> values) const;
  void load(std::span<OldValue> values) const;
  // As try_load() and load(), for all that the task needs before it is submitted: WriteTask::prepare() too.
  bool try_prepare(WriteTask& task) const { return !task.wants_preparation() && try_load(task.old_values()); }
  void prepare(WriteTask& task) const;

  // ---- writes: return when acknowledged ----
  // Returns the new version.
  Result<std::uint64_t> set(std::string_view key, std::string_view value, std::int64_t expiry_ms = kNoExpiry);
  // Returns whether the key was there.
  Result<bool> remove(std::string_view key);
  // Deletes the keys from `from` to before `to` (nothing: to the last key), or those that begin with
  // `prefix`, at once and by one record. Returns how many there were. The log grows by a few bytes; the call
  // takes the time to count the keys.
  Result<std::uint64_t> remove_range(std::string_view from, const std::optional<std::string>& to);
  Result<std::uint64_t> remove_prefix(std::string_view prefix);
  // Deletes all keys, in the same time however many there are.
  Status clear();
  Status write(const WriteBatch& batch);
  // Runs `body` as the writer, which is one thread at a time: an atomic read-modify-write. `body` must not
  // block; see Transaction for the memory that it hands to put().
  Status transact(const std::function<void(Transaction&)>& body, std::size_t bytes_hint = 256);

  // ---- for servers: writes that do not wait ----
  // Hands tasks to the writer, in order. After close() has begun they are answered with kShutdown.
  void submit(std::span<WriteTask* const> tasks);
  // Commits the tasks on this thread if the writer is idle and the commit need not wait for a sync, for
  // room, or for a task that takes long. Otherwise submits them. A commit on this thread spares two threads
  // waking each other. True: all are done.
  bool commit_or_submit(std::span<WriteTask* const> tasks);
  // Whether so much is queued that a well-behaved caller waits for some done() first. submit() enforces no
  // maximum.
  bool is_saturated() const;
  // The writer calls `callback` after the last done() of each group, for example to wake up event loops once
  // a group. To be set before the first submit().
  void on_group_done(std::function<void()> callback);

  // Rewrites the live records of all sealed segments and gives the rest back to the file system. Reads and
  // writes go on meanwhile; a second call waits for the first and then runs its own. kDiskFull, kIoError:
  // nothing was changed.
  Result<CompactionResult> compact();

  // Engine time, by which expiry is measured: milliseconds since 1970 that never step back. All `expiry_ms`
  // of this library are engine time: now_ms() plus a duration, or time().to_engine() of a moment by the wall
  // clock. See minikv/store_time.h.
  std::int64_t now_ms() const { return time().engine_ms; }
  StoreTime time() const;
  Stats stats() const;
  const Options& options() const;

 private:
  explicit Store(std::unique_ptr<engine::Engine> engine);
  Status write_all(const WriteBatch& batch);
  std::unique_ptr<engine::Engine> engine_;
};

}  // namespace minikv
