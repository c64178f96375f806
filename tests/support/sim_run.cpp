// Opens, writes, kills and cuts the power, and keeps the model in step with what was answered.
#include "tests/support/sim_run.h"

#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "minikv/transaction.h"

namespace minikv::sim {
namespace {

// A batch as the writer sees it. Remembers at which call it was answered, and what the store said.
class BatchTask final : public WriteTask {
 public:
  BatchTask(const ModelBatch& batch, const SimFileSystem& file_system)
      : batch_(batch), file_system_(file_system) {
    std::size_t bytes = 64;
    for (const ModelChange& change : batch)
      bytes += 64 + change.key.size() + change.value.value_or("").size();
    set_bytes(bytes);
  }

  void execute(Transaction& transaction) override {
    now_ms_ = transaction.now_ms();
    for (ModelChange& change : batch_) {
      std::uint64_t was_there = 0;
      if (change.kind == ModelChange::Kind::kRangeDelete) {
        was_there = transaction.remove_range(change.key, change.to);
      } else if (change.kind == ModelChange::Kind::kSetExpiry) {
        was_there = transaction.set_expiry(change.key, change.expiry_ms) ? 1 : 0;
      } else if (change.value) {
        was_there = transaction.find(change.key).has_value() ? 1 : 0;
        change.version = transaction.put(change.key, *change.value, change.expiry_ms);
        version_ = std::max(version_, change.version);
      } else {
        was_there = transaction.remove(change.key) ? 1 : 0;
      }
      was_there_.push_back(was_there);
    }
  }
  void done(const Status& status) override {
    status_ = status;
    answered_at_call_ = file_system_.calls();
  }

  const Status& status() const { return status_; }
  const ModelBatch& batch() const { return batch_; }  // with the versions
  const std::vector<std::uint64_t>& was_there() const { return was_there_; }
  std::int64_t now_ms() const { return now_ms_; }
  std::uint64_t version() const { return version_; }
  std::uint64_t answered_at_call() const { return answered_at_call_; }

 private:
  ModelBatch batch_;
  const SimFileSystem& file_system_;
  Status status_{StatusCode::kShutdown, "never answered"};
  std::vector<std::uint64_t> was_there_;
  std::int64_t now_ms_ = 0;
  std::uint64_t version_ = 0;
  std::uint64_t answered_at_call_ = 0;
};

std::string describe(const ModelBatch& batch) {
  std::string text;
  for (const ModelChange& change : batch) {
    if (change.kind == ModelChange::Kind::kRangeDelete) {
      text += fmt::format(" delete from {} to {}", change.key, change.to.empty() ? "the end" : change.to);
    } else if (change.kind == ModelChange::Kind::kSetExpiry) {
      text += fmt::format(" expire {}", change.key);
    } else {
      text += change.value ? fmt::format(" set {} ({} bytes)", change.key, change.value->size())
                           : " delete " + change.key;
    }
  }
  return text.empty() ? " nothing" : text;
}

// Whether a write that was answered so may be on the disk all the same.
bool leaves_doubt(const Status& status) {
  return status.code() == StatusCode::kIoError || status.code() == StatusCode::kDiskFull;
}

}  // namespace

Options sim_options() {
  Options options;
  options.single_threaded = true;
  options.min_segment_size = 1024;
  options.segment_size = 4096;
  return options;
}

SimRun::SimRun(Options options, SimDisk disk, std::int64_t time_passed_ms) : options_(std::move(options)) {
  clock_.advance_ms(time_passed_ms);
  start_machine(std::move(disk), 0);
}

SimRun::~SimRun() = default;

void SimRun::start_machine(SimDisk disk, std::uint64_t calls_before) {
  file_system_ = std::make_unique<SimFileSystem>(std::move(disk), calls_before);
  file_system_->set_judge(judge_);
  if (noting_) file_system_->record_snapshots();
  options_.file_system = file_system_.get();
  options_.clock = &clock_;
}

void SimRun::set_judge(SimFileSystem::Judge judge) {
  judge_ = std::move(judge);
  file_system_->set_judge(judge_);
}

void SimRun::note_crash_points() {
  noting_ = true;
  file_system_->record_snapshots();
}

std::vector<CrashPoint> SimRun::take_crash_points() { return std::exchange(crash_points_, {}); }

void SimRun::note(const std::string& step, std::uint64_t answered_at_call, const History& under_way,
                  const History& outcome) {
  if (!noting_) return;
  for (SimSnapshot& snapshot : file_system_->take_snapshots()) {
    const bool was_answered = snapshot.call.number > answered_at_call;
    crash_points_.push_back({std::move(snapshot.disk), snapshot.call.describe() + " in" + step,
                             was_answered ? outcome : under_way, last_version_, clock_.steady_ms(), false});
  }
}

Status SimRun::open() {
  auto opened = Store::open(kStoreDirectory, options_);
  note(" open");
  if (!opened) return opened.status();
  store_ = *std::move(opened);
  return Status::ok();
}

Status SimRun::close() {
  if (store_ == nullptr) return Status::ok();
  const Status status = store_->close();
  store_.reset();
  note(" close");
  return status;
}

void SimRun::kill() {
  SimDisk disk = file_system_->disk();
  const std::uint64_t calls = file_system_->calls();
  file_system_->crash_at_call(calls + 1);
  store_.reset();
  start_machine(std::move(disk), calls);
}

void SimRun::cut_power(CrashMode mode, std::uint64_t seed) {
  kill();
  start_machine(file_system_->disk().after_crash(mode, seed), file_system_->calls());
}

Status SimRun::write(const ModelBatch& batch) { return write_group({batch}).front(); }

std::vector<Status> SimRun::write_group(const std::vector<ModelBatch>& batches) {
  if (store_ == nullptr) return std::vector<Status>(batches.size(), {StatusCode::kShutdown, "not open"});
  std::deque<BatchTask> tasks;
  std::vector<WriteTask*> submitted;
  for (const ModelBatch& batch : batches) submitted.push_back(&tasks.emplace_back(batch, *file_system_));
  store_->submit(submitted);

  // One frame, so that all of them are on the disk or none.
  ModelBatch together;
  std::string step;
  History outcome = history_;
  for (const BatchTask& task : tasks) {
    together.insert(together.end(), task.batch().begin(), task.batch().end());
    step += describe(task.batch());
    if (task.status()) {
      check_answers(task.batch(), task.now_ms(), task.was_there(), outcome.contents());
      outcome.acknowledged(task.batch(), task.now_ms());
    }
  }
  History under_way = history_;
  under_way.in_doubt(together, tasks.front().now_ms());
  if (leaves_doubt(tasks.front().status())) outcome = under_way;
  note(step, tasks.front().answered_at_call(), under_way, outcome);
  history_ = std::move(outcome);

  std::vector<Status> statuses;
  for (const BatchTask& task : tasks) {
    statuses.push_back(task.status());
    if (task.status()) {
      last_version_ = std::max(last_version_, task.version());
    } else {
      ++refused_writes_;
    }
  }
  return statuses;
}

void SimRun::check_answers(const ModelBatch& batch, std::int64_t now_ms,
                           const std::vector<std::uint64_t>& answers, Contents before) {
  if (wrong_answer_.empty() && apply(batch, now_ms, before) != answers) {
    wrong_answer_ = "the store is wrong about what was there before" + describe(batch);
  }
}

std::string SimRun::settle(const History::Possible& possible) {
  if (store_ == nullptr) return "the store is not open";
  auto seen = read_all(*store_, history_.keys());
  if (!seen) seen = read_all(*store_, history_.keys());  // a fault that strikes one call
  if (!seen) return seen.status().message();
  std::string problem;
  if (is_possible(*seen, possible, store_->now_ms(), problem)) history_.settle(*seen);
  return problem;
}

std::string SimRun::check() const {
  if (!wrong_answer_.empty()) return wrong_answer_;
  if (store_ == nullptr) return "the store is not open";
  auto seen = read_all(*store_, history_.keys());
  if (!seen) seen = read_all(*store_, history_.keys());
  if (!seen) return seen.status().message();
  return difference(history_.contents(), *seen, store_->now_ms());
}

Status SimRun::compact() {
  if (store_ == nullptr) return {StatusCode::kShutdown, "not open"};
  const auto result = store_->compact();
  note(" compact");
  return result.status();
}

std::string run_script(SimRun& run) {
  std::string problem;
  const auto value = [](char letter, std::size_t size) { return std::string(size, letter); };
  const auto check = [&](const char* when, const std::string& found) {
    if (problem.empty() && !found.empty()) problem = std::string(when) + ": " + found;
  };
  const auto write = [&](const ModelBatch& batch) { (void)run.write(batch); };
  const auto compact = [&] {
    (void)run.compact();
    if (run.store() != nullptr) check("after compaction", run.check());
  };
  const auto open = [&] {
    if (!run.open()) (void)run.open();  // a fault that strikes one call
    if (run.store() != nullptr) check("after opening", run.settle(run.history().allowed()));
  };
  open();
  write({{"name", "Alice"}});
  write({{"age", "25"}});
  write({{"", "the empty key"}});
  write({{"empty", ""}});
  write({{std::string("b\0\n\xff", 4), std::string("\0\r\n", 3)}});
  write({{"name", "Bob"}, {"age", std::nullopt}, {"city", value('c', 300)}});
  write({{"never", std::nullopt}, {"large", value('l', 1500)}});
  for (int i = 0; i < 6; ++i) write({{fmt::format("k{}", i), value(static_cast<char>('a' + i), 500)}});
  write({{"k1", std::nullopt}, {"k2", value('2', 40)}});
  (void)run.close();
  open();
  write({{"k2", std::nullopt}});
  write({{"k1", "again"}});
  write({{"larger than a segment", value('L', 5000)}});
  compact();
  write({{"k3", value('3', 700)}, {"k4", value('4', 700)}, {"k5", value('5', 700)}});
  write({{"name", std::nullopt}});
  run.kill();
  open();
  write({{"age", "26"}});
  for (int i = 0; i < 4; ++i) write({{"counter", fmt::format("{} {}", i, value('n', 600))}});
  compact();
  write({{"k3", std::nullopt}, {"name", "Carol"}});
  compact();
  write({{.key = "k", .kind = ModelChange::Kind::kRangeDelete, .to = "l"}, {"k4", "after the range"}});
  write({{"k5", value('5', 900)}});
  compact();
  (void)run.close();
  open();
  write({{"last", "word"}});
  write({{"age", std::nullopt}});
  return problem;
}

}  // namespace minikv::sim
