// The public interface: each call goes to the part of the engine that knows the answer.
#include "minikv/store.h"

#include <new>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/base/out_of_memory.h"
#include "engine/format/frame.h"
#include "engine/store/blocking_task.h"
#include "engine/store/engine.h"

namespace minikv {
namespace {

using engine::BlockingTask;

class FunctionTask final : public BlockingTask {
 public:
  FunctionTask(const std::function<void(Transaction&)>& body, std::size_t bytes) : body_(body) {
    set_bytes(bytes);
  }
  void execute(Transaction& transaction) override { body_(transaction); }

 private:
  const std::function<void(Transaction&)>& body_;
};

// The calling thread counts the keys, and not the writer.
class RemoveRangeTask final : public BlockingTask {
 public:
  RemoveRangeTask(std::string_view from, std::string_view to) : range_(std::string(from), std::string(to)) {
    set_bytes(static_cast<std::size_t>(engine::record_bytes(from.size(), to.size())));
    set_wants_preparation();
  }
  void prepare(Preparation& preparation) override { preparation.count(range_); }
  void execute(Transaction& transaction) override { removed_ = transaction.remove_range(range_); }
  std::uint64_t removed() const { return removed_; }

 private:
  RangeCount range_;
  std::uint64_t removed_ = 0;
};

// Returns what `call()` returns; kOutOfMemory if it throws std::bad_alloc.
template <typename Call>
auto caught(std::string_view what, Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return engine::out_of_memory(what);
  }
}

Status closed() { return {StatusCode::kShutdown, "the store is closed"}; }
Status not_found() { return {StatusCode::kNotFound, "no such key"}; }

Status check_sizes(const Options& limits, std::string_view key, std::uint64_t value_bytes) {
  if (key.size() > limits.max_key_bytes) {
    return {StatusCode::kInvalidArgument, fmt::format("the key has {} bytes, and at most {} are allowed",
                                                      key.size(), limits.max_key_bytes)};
  }
  if (value_bytes > limits.max_value_bytes) {
    return {StatusCode::kInvalidArgument, fmt::format("the value has {} bytes, and at most {} are allowed",
                                                      value_bytes, limits.max_value_bytes)};
  }
  return {};
}

std::size_t log_bytes(std::string_view key, std::size_t value_bytes) {
  return static_cast<std::size_t>(engine::record_bytes(key.size(), value_bytes));
}

}  // namespace

WriteBatch& WriteBatch::set(std::string_view key, std::string_view value, std::int64_t expiry_ms) {
  changes_.push_back({std::string(key), std::string(value), expiry_ms});
  return *this;
}

WriteBatch& WriteBatch::remove(std::string_view key) {
  changes_.push_back({std::string(key), std::nullopt, kNoExpiry});
  return *this;
}

Store::Store(std::unique_ptr<engine::Engine> engine) : engine_(std::move(engine)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& directory, const Options& options) {
  return caught("opening the store", [&]() -> Result<std::unique_ptr<Store>> {
    MINIKV_ASSIGN_OR_RETURN(auto engine, engine::Engine::open(directory, options));
    return std::unique_ptr<Store>(new Store(std::move(engine)));
  });
}

Status Store::close() {
  return caught("closing the store in order", [&] { return engine_->close(); });
}

// ---- reads ----

Result<Value> Store::get(std::string_view key) const {
  return caught("reading a value", [&]() -> Result<Value> {
    if (engine_->is_closed()) return closed();
    const auto handle = engine_->keys().locate(key);
    if (!handle) return not_found();
    return engine_->values().read(key, *handle);
  });
}

std::vector<Result<Value>> Store::multi_get(std::span<const std::string_view> keys) const {
  if (engine_->is_closed()) return std::vector<Result<Value>>(keys.size(), closed());
  const std::vector<std::optional<ValueHandle>> handles = engine_->keys().multi_locate(keys);
  std::vector<Result<Value>> values;
  values.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    values.push_back(handles[i] ? engine_->values().read(keys[i], *handles[i]) : Result<Value>(not_found()));
  }
  return values;
}

bool Store::exists(std::string_view key) const {
  return engine_->keys().count_existing(std::span(&key, 1)) == 1;
}

std::size_t Store::count_existing(std::span<const std::string_view> keys) const {
  return engine_->keys().count_existing(keys);
}

ScanPage Store::scan(const ScanOptions& options) const { return engine_->scanner().scan(options); }

bool Store::is_in_order() const { return engine_->is_in_order(); }

UnorderedPage Store::walk_unordered(std::uint64_t position, std::size_t count) const {
  return engine_->scanner().walk_unordered(position, count);
}

std::optional<ValueHandle> Store::locate(std::string_view key) const { return engine_->keys().locate(key); }

Result<Value> Store::read(std::string_view key, const ValueHandle& handle) const {
  return caught("reading a value", [&] { return engine_->values().read(key, handle); });
}

Status Store::read_into(std::string_view key, const ValueHandle& handle, std::span<char> out,
                        const std::function<bool()>& should_stop) const {
  return caught("reading a value",
                [&] { return engine_->values().read_into(key, handle, out, should_stop); });
}

std::uint64_t Store::size() const { return engine_->keys().size(); }

// ---- reads for servers ----

Status Store::look_up(KeyLookup& lookup, const std::function<bool()>& should_stop) const {
  return engine_->keys().look_up(lookup, should_stop);
}

std::vector<std::optional<ValueHandle>> Store::multi_locate(std::span<const std::string_view> keys) const {
  return engine_->keys().multi_locate(keys);
}

void Store::prefetch(std::span<const std::string_view> keys) const { engine_->keys().prefetch(keys); }

std::optional<Result<Value>> Store::try_read(std::string_view key, const ValueHandle& handle) const {
  return engine_->values().try_read(key, handle);
}

std::optional<Status> Store::try_read_into(std::string_view key, const ValueHandle& handle,
                                           std::span<char> out) const {
  return engine_->values().try_read_into(key, handle, out);
}

void Store::run_on_reader(std::function<void()> work) const { engine_->readers().run(std::move(work)); }

bool Store::try_load(std::span<OldValue> values) const { return engine_->old_values().try_load(values); }
void Store::load(std::span<OldValue> values) const { engine_->old_values().load(values); }

void Store::prepare(WriteTask& task) const {
  load(task.old_values());
  engine_->keys().prepare(task);
}

// ---- writes ----

Result<std::uint64_t> Store::set(std::string_view key, std::string_view value, std::int64_t expiry_ms) {
  return caught("a write", [&]() -> Result<std::uint64_t> {
    MINIKV_TRY(check_sizes(options(), key, value.size()));
    const std::uint32_t checksum = value_checksum(value);
    std::uint64_t version = 0;
    MINIKV_TRY(transact(
        [&](Transaction& transaction) { version = transaction.put(key, value, checksum, expiry_ms); },
        log_bytes(key, value.size())));
    return version;
  });
}

Result<bool> Store::remove(std::string_view key) {
  return caught("a write", [&]() -> Result<bool> {
    MINIKV_TRY(check_sizes(options(), key, 0));
    bool existed = false;
    MINIKV_TRY(
        transact([&](Transaction& transaction) { existed = transaction.remove(key); }, log_bytes(key, 0)));
    return existed;
  });
}

Result<std::uint64_t> Store::remove_range(std::string_view from, const std::optional<std::string>& to) {
  MINIKV_TRY(check_sizes(options(), from, 0));
  if (to) MINIKV_TRY(check_sizes(options(), *to, 0));
  if (to && *to <= from) return std::uint64_t{0};
  return caught("a write", [&]() -> Result<std::uint64_t> {
    RemoveRangeTask task(from, to.value_or(""));
    prepare(task);
    WriteTask* const tasks[] = {&task};
    engine_->submit(tasks, engine::CommitHere::kYes);
    MINIKV_TRY(task.wait());
    return task.removed();
  });
}

std::uint64_t Transaction::remove_range(std::string_view from, std::string_view to) {
  RangeCount range{std::string(from), std::string(to)};
  return remove_range(range);
}

Result<std::uint64_t> Store::remove_prefix(std::string_view prefix) {
  return remove_range(prefix, end_of_prefix(prefix));
}

Status Store::clear() {
  return caught("a write",
                [this] { return transact([](Transaction& transaction) { transaction.remove_all(); }); });
}

Status Store::write(const WriteBatch& batch) {
  return caught("a write", [&] { return write_all(batch); });
}

Status Store::write_all(const WriteBatch& batch) {
  std::size_t bytes = 0;
  for (const WriteBatch::Change& change : batch.changes_) {
    const std::size_t value_bytes = change.value ? change.value->size() : 0;
    MINIKV_TRY(check_sizes(options(), change.key, value_bytes));
    bytes += log_bytes(change.key, value_bytes);
  }
  if (bytes > options().max_batch_bytes) {
    return {StatusCode::kInvalidArgument, "the batch has " + std::to_string(bytes) + " bytes, and at most " +
                                              std::to_string(options().max_batch_bytes) + " are allowed"};
  }
  return transact(
      [&](Transaction& transaction) {
        for (const WriteBatch::Change& change : batch.changes_) {
          if (change.value) {
            transaction.put(change.key, *change.value, change.expiry_ms);
          } else {
            transaction.remove(change.key);
          }
        }
      },
      bytes);
}

Status Store::transact(const std::function<void(Transaction&)>& body, std::size_t bytes_hint) {
  return caught("a write", [&] {
    FunctionTask task(body, bytes_hint);
    WriteTask* const tasks[] = {&task};
    engine_->submit(tasks, engine::CommitHere::kYes);
    return task.wait();
  });
}

void Store::submit(std::span<WriteTask* const> tasks) {
  (void)engine_->submit(tasks, engine::CommitHere::kNo);
}
bool Store::commit_or_submit(std::span<WriteTask* const> tasks) {
  return engine_->submit(tasks, engine::CommitHere::kIfQuick);
}
bool Store::is_saturated() const { return engine_->writer().is_saturated(); }
void Store::on_group_done(std::function<void()> callback) {
  engine_->writer().on_group_done(std::move(callback));
}

// ---- the whole ----

Result<CompactionResult> Store::compact() {
  return caught("a compaction", [&] { return engine_->compaction().compact_all(); });
}
StoreTime Store::time() const { return engine_->time(); }
Stats Store::stats() const { return engine_->stats(); }
const Options& Store::options() const { return engine_->options(); }

}  // namespace minikv
