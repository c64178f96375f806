// Reads of values that are not in memory: who waits for the disk, and who must not.
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/store/blocking_task.h"
#include "minikv/store.h"
#include "tests/support/reader_block.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"

namespace minikv::engine {
namespace {

using CallKind = sim::SimCall::Kind;
using sim::ReaderBlock;

// Appends to a value that it has announced.
class AppendTask final : public BlockingTask {
 public:
  AppendTask(std::string key, std::string more) : key_(std::move(key)), more_(std::move(more)) {
    old_.key = key_;
  }
  std::span<OldValue> old_values() override { return {&old_, 1}; }
  void execute(Transaction& transaction) override {
    const Result<Value> before = transaction.get(key_);
    seen_ = before.status();
    if (!before && before.code() != StatusCode::kNotFound) return;
    whole_ = (before ? before->data : "") + more_;
    transaction.put(key_, whole_);
  }
  void done(const Status& status) override {
    finished_.set_value();
    BlockingTask::done(status);
  }

  bool is_done() { return finished_future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  const Status& seen() const { return seen_; }
  OldValue& old() { return old_; }

 private:
  const std::string key_, more_;
  OldValue old_;
  Status seen_;
  std::string whole_;
  std::promise<void> finished_;
  std::future<void> finished_future_ = finished_.get_future();
};

class ColdReadTest : public testing::Test {
 protected:
  ColdReadTest() {
    Options options;
    options.segment_size = 4 * kMiB;
    options.fsync = Fsync::kNever;  // no frames of the writer's own
    options.compaction_threshold = 0;
    options.reader_threads = 1;
    options.file_system = &files_;
    options.clock = &clock_;
    auto opened = Store::open("data", options);
    EXPECT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
    for (int i = 0; i < 8; ++i) set(key(i), value(i));
  }

  static std::string key(int i) { return "key" + std::to_string(i); }
  // Longer than a page, so that none has all of its pages in common with another.
  static std::string value(int i) { return std::string(10'000, static_cast<char>('a' + i)); }

  void set(const std::string& key, const std::string& value) { ASSERT_TRUE(store_->set(key, value)); }
  // Memory is short, and it is longer ago than it is trusted then.
  void time_goes_by() {
    files_.note_page_fault_elsewhere();
    clock_.advance_ms(1'000);
  }
  void everything_leaves_memory() {
    time_goes_by();
    files_.forget_pages();
  }
  std::optional<Result<Value>> try_read(const std::string& key) {
    return store_->try_read(key, *store_->locate(key));
  }
  Result<Value> read_on_reader(const std::string& key) {
    std::promise<Result<Value>> answer;
    store_->run_on_reader([&] { answer.set_value(store_->get(key)); });
    return answer.get_future().get();
  }
  // How `what` reads the log. Other threads of the store have their own business with other files.
  template <typename What>
  std::vector<CallKind> calls_of(What what) {
    const std::size_t before = files_.log().size();
    what();
    std::vector<CallKind> kinds;
    const auto log = files_.log();
    for (std::size_t i = before; i < log.size(); ++i) {
      const CallKind kind = log[i].kind;
      const bool is_read =
          kind == CallKind::kRead || kind == CallKind::kReadCached || kind == CallKind::kCopy;
      if (is_read && log[i].path == path_of_log()) kinds.push_back(kind);
    }
    return kinds;
  }
  void submit(std::vector<WriteTask*> tasks) { store_->submit(tasks); }
  std::string path_of_log() const { return "data/segment-00000001.dat"; }
  std::uint64_t offset_of(const std::string& bytes) const {
    return files_.disk().contents(path_of_log()).find(bytes);
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(ColdReadTest, WhatWasTouchedAMomentAgoIsReadThroughTheMap) {
  const auto calls = calls_of([&] {
    auto found = try_read(key(3));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->data, value(3));
  });
  EXPECT_EQ(calls, (std::vector<CallKind>{CallKind::kCopy, CallKind::kCopy}));
}

TEST_F(ColdReadTest, WhatMayHaveLeftMemoryIsReadWithoutWaitingAndThroughTheMapAgainAfterwards) {
  time_goes_by();
  const auto read = [&] { ASSERT_TRUE(try_read(key(3))); };
  EXPECT_EQ(calls_of(read), std::vector<CallKind>{CallKind::kReadCached});
  EXPECT_EQ(calls_of(read), (std::vector<CallKind>{CallKind::kCopy, CallKind::kCopy}));
  time_goes_by();
  EXPECT_EQ(calls_of(read), std::vector<CallKind>{CallKind::kReadCached});
}

TEST_F(ColdReadTest, WhatIsNotInMemoryIsLeftToAReaderWhichUsesNoMap) {
  everything_leaves_memory();
  EXPECT_EQ(calls_of([&] { EXPECT_FALSE(try_read(key(3))); }), std::vector<CallKind>{CallKind::kReadCached});
  EXPECT_EQ(calls_of([&] { EXPECT_EQ(read_on_reader(key(3))->data, value(3)); }),
            std::vector<CallKind>{CallKind::kRead});
  EXPECT_EQ(calls_of([&] { EXPECT_EQ((*try_read(key(3)))->data, value(3)); }),
            (std::vector<CallKind>{CallKind::kCopy, CallKind::kCopy}));
  EXPECT_FALSE(try_read(key(6)));
  EXPECT_EQ(files_.page_faults(), 0U);
}

TEST_F(ColdReadTest, HalfInMemoryIsNotInMemory) {
  everything_leaves_memory();
  auto file = files_.open(path_of_log(), OpenMode::kRead);
  std::string first_page(100, '\0');
  ASSERT_TRUE((*file)->read(offset_of(value(3)), first_page));
  EXPECT_FALSE(try_read(key(3)));
  EXPECT_EQ(read_on_reader(key(3))->data, value(3));
}

TEST_F(ColdReadTest, AValueThatWouldHoldUpTheOthersIsAlwaysLeftToAReader) {
  const std::string largest(Store::kMaxValueAtOnceBytes, 'x');
  set("largest", largest);
  set("larger", largest + "x");
  EXPECT_TRUE(try_read("largest"));
  EXPECT_FALSE(try_read("larger"));
  EXPECT_EQ(read_on_reader("larger")->data, largest + "x");
}

TEST_F(ColdReadTest, ADiskThatFailsIsAnErrorForItsKeyAlone) {
  everything_leaves_memory();
  files_.fail_reads_of(path_of_log(), offset_of(value(3)), 1);
  EXPECT_FALSE(try_read(key(3)));
  EXPECT_EQ(read_on_reader(key(3)).code(), StatusCode::kIoError);
  EXPECT_EQ(read_on_reader(key(4))->data, value(4));
}

TEST_F(ColdReadTest, ADamagedValueIsFoundOnEveryWay) {
  const std::uint64_t offset = offset_of(value(3)) + 77;
  files_.damage([&](sim::SimDisk& disk) { disk.flip_bit(path_of_log(), offset, 3); });
  EXPECT_EQ(try_read(key(3))->code(), StatusCode::kCorruption) << "through the map";
  time_goes_by();
  EXPECT_EQ(try_read(key(3))->code(), StatusCode::kCorruption) << "without waiting";
  everything_leaves_memory();
  EXPECT_FALSE(try_read(key(3)));
  EXPECT_EQ(read_on_reader(key(3)).code(), StatusCode::kCorruption) << "by a reader";
}

TEST_F(ColdReadTest, APageOfPlacesCostsNoDisk) {
  everything_leaves_memory();
  ScanOptions scan;
  scan.with_handles = true;
  ScanPage page;
  EXPECT_TRUE(calls_of([&] { page = store_->scan(scan); }).empty());
  ASSERT_EQ(page.items.size(), 8U);
  EXPECT_TRUE(page.items[5].value.data.empty());
  EXPECT_EQ(page.items[5].handle.value_bytes(), value(5).size());
  EXPECT_EQ(store_->read(key(5), page.items[5].handle)->data, value(5));
  scan.max_bytes = 2 * value(0).size();
  EXPECT_EQ(store_->scan(scan).items.size(), 2U) << "max_bytes counts the values that it will cost";
}

// ---- the writer ----

TEST_F(ColdReadTest, TheWriterGoesOnWithoutTheDiskWhereTheOldValueIsWarm) {
  AppendTask task(key(3), "!");
  EXPECT_TRUE(store_->try_load(task.old_values()));
  submit({&task});
  EXPECT_TRUE(task.wait());
  EXPECT_EQ(store_->get(key(3))->data, value(3) + "!");
}

TEST_F(ColdReadTest, AnOldValueIsBroughtInBeforeTheWriterGetsTheTask) {
  everything_leaves_memory();
  AppendTask task(key(3), "!");
  EXPECT_FALSE(store_->try_load(task.old_values()));
  std::promise<void> loaded;
  store_->run_on_reader([&] {
    store_->load(task.old_values());
    loaded.set_value();
  });
  loaded.get_future().get();
  EXPECT_TRUE(store_->try_load(task.old_values()));
  files_.forget_pages();  // it may go again: the task has it
  const ReaderBlock block(*store_);
  submit({&task});
  EXPECT_TRUE(task.wait());
  EXPECT_EQ(files_.page_faults(), 0U);
  EXPECT_EQ(store_->get(key(3))->data, value(3) + "!");
}

TEST_F(ColdReadTest, AnOldValueThatWasReadAheadDoesNotHideANewerOne) {
  AppendTask task(key(3), "!");
  time_goes_by();
  ASSERT_TRUE(store_->try_load(task.old_values()));
  ASSERT_TRUE(task.old().value) << "it was read";
  set(key(3), "newer");
  submit({&task});
  EXPECT_TRUE(task.wait());
  EXPECT_EQ(store_->get(key(3))->data, "newer!");
}

TEST_F(ColdReadTest, ATaskSeesWhatItsOwnGroupHasChanged) {
  AppendTask first(key(3), "1"), second(key(3), "2");
  everything_leaves_memory();
  submit({&first, &second});
  EXPECT_TRUE(second.wait());
  EXPECT_EQ(store_->get(key(3))->data, value(3) + "12");
}

// It was in memory when the task was queued, or nobody looked.
TEST_F(ColdReadTest, ATaskWhoseOldValueIsGoneWaitsAtTheHeadOfTheNextGroup) {
  everything_leaves_memory();
  AppendTask before("new", "1"), cold(key(3), "!"), behind("new", "2");
  {
    ReaderBlock block(*store_);
    submit({&before, &cold, &behind});
    EXPECT_TRUE(before.wait()) << "what came earlier does not wait";
    EXPECT_FALSE(cold.is_done());
    EXPECT_FALSE(behind.is_done()) << "it may be the same connection's";
  }
  EXPECT_TRUE(cold.wait());
  EXPECT_TRUE(behind.wait());
  EXPECT_EQ(store_->get(key(3))->data, value(3) + "!");
  EXPECT_EQ(store_->get("new")->data, "12");
  EXPECT_EQ(files_.page_faults(), 0U) << "the writer never touched a page that was not in memory";
}

TEST_F(ColdReadTest, ATaskWhoseOldValueCanNotBeReadSaysSoAndTheWriterGoesOn) {
  everything_leaves_memory();
  files_.fail_reads_of(path_of_log(), offset_of(value(3)), 1);
  AppendTask cold(key(3), "!"), behind(key(4), "!");
  submit({&cold, &behind});
  EXPECT_TRUE(cold.wait());
  EXPECT_EQ(cold.seen().code(), StatusCode::kIoError);
  EXPECT_TRUE(behind.wait());
  EXPECT_EQ(store_->get(key(4))->data, value(4) + "!");
  files_.clear_faults();
  EXPECT_EQ(store_->get(key(3))->data, value(3)) << "nothing was changed";
}

TEST_F(ColdReadTest, ALongerValueThanTheTaskWantsIsNotRead) {
  everything_leaves_memory();
  AppendTask task(key(3), "!");
  task.old().max_bytes = value(3).size() - 1;
  EXPECT_TRUE(calls_of([&] { EXPECT_TRUE(store_->try_load(task.old_values())); }).empty());
}

TEST_F(ColdReadTest, ClosingWaitsForATaskThatWaitsForTheDisk) {
  everything_leaves_memory();
  AppendTask cold(key(3), "!");
  ReaderBlock block(*store_);
  submit({&cold});
  auto closed = std::async(std::launch::async, [&] { return store_->close(); });
  block.release();
  EXPECT_TRUE(closed.get());
  EXPECT_TRUE(cold.wait()) << "it was submitted before";
}

}  // namespace
}  // namespace minikv::engine
