// Reading and changing the store as its writer: what every write is made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "minikv/status.h"
#include "minikv/store_time.h"

namespace minikv {

namespace engine {
class Segment;
class TaskList;
struct HandleAccess;
}  // namespace engine

class KeyLookup;
class Preparation;
class RangeCount;
struct ScanOptions;
struct ScanPage;
struct UnorderedPage;

inline constexpr std::int64_t kNoExpiry = 0;

// A value as the store gave it out.
struct Value {
  std::string data;
  std::uint64_t version = 0;           // sequence number of the write that made the value; never given twice
  std::int64_t expiry_ms = kNoExpiry;  // engine time, milliseconds since 1970
};

// The location of a value, for Store::read(). A handle is cheap to copy. It keeps the segment open, so that
// the value can be read long after the key was overwritten and its segment compacted away.
class ValueHandle {
 public:
  ValueHandle() = default;
  std::uint32_t value_bytes() const { return value_bytes_; }
  std::int64_t expiry_ms() const { return expiry_ms_; }
  std::uint64_t version() const { return version_; }
  // False where the value was lost to damage: read() then answers kCorruption.
  bool is_readable() const { return !lost_; }

 private:
  friend struct engine::HandleAccess;
  std::shared_ptr<const engine::Segment> segment_;
  std::uint64_t offset_ = 0;
  std::int64_t expiry_ms_ = kNoExpiry;
  std::uint64_t version_ = 0;
  std::uint32_t value_bytes_ = 0;
  bool lost_ = false;
};

// An old value, which a WriteTask is going to read. The writer executes the task when the value is in memory,
// so that other writes do not wait for the disk.
struct OldValue {
  std::string_view key;
  std::size_t max_bytes = SIZE_MAX;  // of a longer value, execute() asks for nothing but its length
  // The capacity that Value::data comes with, so that the writer need not copy a large value to make it
  // longer: `more_bytes` more than the value has, and at least `least_bytes`. Up to Options::max_value_bytes.
  std::size_t more_bytes = 0;
  std::size_t least_bytes = 0;

  // The value that was read ahead, and its version: the writer uses it if the key still has this version.
  std::uint64_t version = 0;
  std::optional<Result<Value>> value;
};

// The CRC-32C that a value carries from the thread that received it to the disk and back.
std::uint32_t value_checksum(std::string_view value);

// The store as one WriteTask sees and changes it while the writer executes the task. All changes of one task
// become durable and visible together or not at all. The task sees the store as of all earlier tasks, those
// of the same group included.
//
// Memory: keys and values handed to put() and remove() are not copied; they must stay unchanged until the
// task's done() is called. The caller checks their sizes: keys up to Options::max_key_bytes, and values up to
// max_value_bytes, which is asserted here. The sum is up to max_batch_bytes.
//
// Thread safety: used by the writer only, and only inside WriteTask::execute().
class Transaction {
 public:
  virtual ~Transaction() = default;

  // The time of this group; engine time never steps back.
  virtual const StoreTime& time() const = 0;
  std::int64_t now_ms() const { return time().engine_ms; }

  // The state of a key, without its value.
  struct Entry {
    std::uint64_t version = 0;
    std::uint64_t sequence = 0;  // of the newest write to the key, changes of its expiry included
    std::int64_t expiry_ms = kNoExpiry;
    std::uint32_t value_bytes = 0;
    bool lost = false;
  };
  // The key's present state; nothing: there is no such key, or it has expired. A key whose value was lost to
  // damage is there (see Entry::lost).
  virtual std::optional<Entry> find(std::string_view key) = 0;
  // The key's value. kNotFound, kCorruption or kIoError otherwise. Waits for the disk, and lets all writes
  // wait, if the value is not in memory and the task's old_values() did not announce it.
  virtual Result<Value> get(std::string_view key) = 0;
  // The location of the key's value, for a read that has to follow the writes before it; nothing: there is no
  // such key. To be read with Store::read() once the task's done() has been called.
  virtual std::optional<ValueHandle> locate(std::string_view key) = 0;
  // A page of keys as Store::scan() finds it, with locations and without values. The page is a snapshot; all
  // writes wait meanwhile.
  virtual ScanPage scan(const ScanOptions& options) = 0;
  // As Store::walk_unordered(); keys that this transaction makes are not among them.
  virtual UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) = 0;
  // How many keys there are, as Store::size() says.
  virtual std::uint64_t size() = 0;
  // How many bytes the task may still add: Options::max_batch_bytes, less what it has put.
  virtual std::uint64_t room() const = 0;
  // Makes `lookup` say what this transaction sees of its keys at this point; later changes do not affect it.
  // The time grows with the number of keys or, if WriteTask::prepare() had them looked up, with the number of
  // changes since. Handles are to be read as those of locate().
  virtual void look_up(KeyLookup& lookup) = 0;

  // Sets the key; returns the new version. `checksum` is value_checksum(value).
  virtual std::uint64_t put(std::string_view key, std::string_view value, std::uint32_t checksum,
                            std::int64_t expiry_ms = kNoExpiry) = 0;
  std::uint64_t put(std::string_view key, std::string_view value, std::int64_t expiry_ms = kNoExpiry) {
    return put(key, value, value_checksum(value), expiry_ms);
  }
  // Deletes the key; false if there was none.
  virtual bool remove(std::string_view key) = 0;
  // Deletes the keys of the range by one record, however many there are; returns their number. The time grows
  // with the number of keys, unless WriteTask::prepare() had them counted.
  virtual std::uint64_t remove_range(RangeCount& range) = 0;
  // The same for the keys from `from` to before `to` (empty: to the last key).
  std::uint64_t remove_range(std::string_view from, std::string_view to);
  // Deletes all keys, without counting them.
  virtual void remove_all() = 0;
  // Gives the key another expiry in engine time (or none), keeping value and version; false if there is no
  // such key.
  virtual bool set_expiry(std::string_view key, std::int64_t expiry_ms) = 0;
};

// One request to the writer. The caller owns it and keeps it alive until done() has been called; done() may
// delete it.
class WriteTask {
 public:
  WriteTask() = default;
  WriteTask(const WriteTask&) = delete;
  WriteTask& operator=(const WriteTask&) = delete;
  virtual ~WriteTask() = default;

  // The old values that execute() is going to ask for with Transaction::get(). The caller may have read them
  // ahead (Store::load()); the store reads missing and outdated ones before it executes the task.
  virtual std::span<OldValue> old_values() { return {}; }
  // Does the work that takes longer the more keys there are, before the task is submitted and on a thread
  // that may take its time: see Store::prepare(). Called if wants_preparation(). The results may be outdated
  // when the task is executed; the transaction brings them up to date.
  virtual void prepare(Preparation& /*preparation*/) {}
  // Called once, by the writer, in the order of submission. A task that changes nothing is fine. The writer
  // is one thread at a time: its own, or one that submits while it is idle (Store::commit_or_submit()). If
  // execute() throws std::bad_alloc, its changes are undone, and the task is answered with kOutOfMemory.
  virtual void execute(Transaction& transaction) = 0;
  // Called once, by the writer, in the order of submission. Ok: the task's changes, and those of all tasks
  // that it may have seen, are as durable as the mode promises, and visible to readers. An error is the
  // reason why nothing was changed; the task may then not have been executed. Must neither block nor throw.
  virtual void done(const Status& status) = 0;

  // About how many bytes the task adds to the log, for grouping, rotation and back-pressure.
  std::size_t bytes() const { return bytes_; }
  // Whether execute() may take longer than work on a few keys: then no thread that serves other requests
  // executes it.
  bool takes_long() const { return takes_long_; }
  bool wants_preparation() const { return wants_preparation_; }

 protected:
  void set_bytes(std::size_t bytes) { bytes_ = bytes; }
  void set_takes_long() { takes_long_ = true; }
  void set_wants_preparation() { wants_preparation_ = takes_long_ = true; }

 private:
  std::size_t bytes_ = 64;
  bool takes_long_ = false;
  bool wants_preparation_ = false;
  // For the writer alone.
  friend class engine::TaskList;
  bool is_without_memory_ = false;
  bool is_beyond_index_limit_ = false;
  WriteTask* next_ = nullptr;
};

}  // namespace minikv
