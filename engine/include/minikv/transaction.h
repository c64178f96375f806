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

// Where a value is. Cheap to copy; keeps the segment open, so that it can be read long after the key was
// overwritten and its segment compacted away. Read it with Store::read().
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

// A value that a WriteTask is going to read. The writer executes the task when the value is in memory, so
// that the writes of others do not wait for the disk.
struct OldValue {
  std::string_view key;
  std::size_t max_bytes = SIZE_MAX;  // of a longer value, execute() asks for nothing but its length
  // Capacity that Value::data comes with, so that the writer need not copy a large value to make it longer:
  // so many bytes more than the value has, and at least so many. Up to Options::max_value_bytes.
  std::size_t more_bytes = 0;
  std::size_t least_bytes = 0;

  // What was read ahead, by whoever did: used if the key still has this version.
  std::uint64_t version = 0;
  std::optional<Result<Value>> value;
};

// The CRC-32C that a value carries from the thread that received it to the disk and back.
std::uint32_t value_checksum(std::string_view value);

// What one WriteTask sees and changes while the writer executes it. All changes of one task become durable
// and visible together or not at all. The writer sees the store as of all earlier tasks, those of the same
// group included.
//
// Memory: keys and values handed to put() and remove() are not copied; they must stay as they are until the
// task's done() is called. Sizes are the caller's business: keys up to Options::max_key_bytes, values up to
// max_value_bytes, which is asserted here; the sum up to max_batch_bytes.
//
// Thread safety: used by the writer only, and only inside WriteTask::execute().
class Transaction {
 public:
  virtual ~Transaction() = default;

  // What time it is for this group; engine time never steps back.
  virtual const StoreTime& time() const = 0;
  std::int64_t now_ms() const { return time().engine_ms; }

  // The key's present state, without its value; nothing if there is no such key, or it has expired. A key
  // whose value was lost to damage is there (see Entry::lost).
  struct Entry {
    std::uint64_t version = 0;
    std::uint64_t sequence = 0;  // of the newest write to the key, changes of its expiry included
    std::int64_t expiry_ms = kNoExpiry;
    std::uint32_t value_bytes = 0;
    bool lost = false;
  };
  virtual std::optional<Entry> find(std::string_view key) = 0;
  // The key's value. kNotFound, kCorruption or kIoError otherwise. Waits for the disk, and lets all writes
  // wait, if the value is not in memory and the task's old_values() did not announce it.
  virtual Result<Value> get(std::string_view key) = 0;
  // Where the key's value is, or nothing if there is no such key: for a read that has to follow the writes
  // before it. To be read with Store::read() once the task's done() has been called.
  virtual std::optional<ValueHandle> locate(std::string_view key) = 0;
  // A page of keys as Store::scan() finds it, with places and without values; a snapshot. All writes wait
  // meanwhile.
  virtual ScanPage scan(const ScanOptions& options) = 0;
  // As Store::walk_unordered(); keys that this transaction makes are not among them.
  virtual UnorderedPage walk_unordered(std::uint64_t position, std::size_t count) = 0;
  // How many keys there are, as Store::size() says.
  virtual std::uint64_t size() = 0;
  // How many bytes the task may still add: Options::max_batch_bytes, without what it has put.
  virtual std::uint64_t room() const = 0;
  // Makes `lookup` say what this transaction sees of its keys at this point; what is changed afterwards does
  // not change it. Takes as long as there are keys, unless WriteTask::prepare() had it looked up: then as
  // long as there were changes since. Handles are to be read as those of locate().
  virtual void look_up(KeyLookup& lookup) = 0;

  // Sets the key; returns the new version. `checksum` is value_checksum(value).
  virtual std::uint64_t put(std::string_view key, std::string_view value, std::uint32_t checksum,
                            std::int64_t expiry_ms = kNoExpiry) = 0;
  std::uint64_t put(std::string_view key, std::string_view value, std::int64_t expiry_ms = kNoExpiry) {
    return put(key, value, value_checksum(value), expiry_ms);
  }
  // Deletes the key; false if there was none.
  virtual bool remove(std::string_view key) = 0;
  // Deletes the keys of the range by one record, however many there are; returns their number. Takes as long
  // as there are keys, unless WriteTask::prepare() had them counted.
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

  // The values that execute() is going to ask for with Transaction::get(). Whoever submits the task may have
  // read them ahead (Store::load()); what is missing or outdated is read before the task is executed.
  virtual std::span<OldValue> old_values() { return {}; }
  // Has found out, before the task is submitted and on a thread that may take its time, what takes as long as
  // there are keys: see Store::prepare(). Called if wants_preparation(). What it finds out need not be right
  // any more when the task is executed; the transaction makes it right.
  virtual void prepare(Preparation& /*preparation*/) {}
  // Called once, by the writer, in the order of submission. A task that changes nothing is fine. The writer
  // is one thread at a time: its own, or that of whoever submits while it has nothing to do
  // (Store::commit_or_submit()). Where it throws std::bad_alloc, as may happen to whoever allocates, what it
  // has changed is undone, and it is answered with kOutOfMemory.
  virtual void execute(Transaction& transaction) = 0;
  // Called once, by the writer, in the order of submission, when the task's changes (and those of all tasks
  // it may have seen) are as durable as the mode promises and visible to readers; or with the reason why
  // nothing was changed. A task may be answered with an error without having been executed. Must not block,
  // nor throw.
  virtual void done(const Status& status) = 0;

  // About how many bytes the task adds to the log: decides on grouping, rotation and back-pressure.
  std::size_t bytes() const { return bytes_; }
  // Whether execute() may take longer than what a key or a few cost: it is then not done by a thread that
  // serves others.
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
  // The writer's.
  friend class engine::TaskList;
  bool is_without_memory_ = false;
  bool is_beyond_index_limit_ = false;
  WriteTask* next_ = nullptr;
};

}  // namespace minikv
