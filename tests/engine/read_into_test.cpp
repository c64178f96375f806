// Values that are read straight into the caller's memory, and old values that come with room for longer ones.
#include <algorithm>
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

using ReadCall = sim::SimCall::Kind;

class ReadIntoTest : public testing::Test {
 protected:
  ReadIntoTest() {
    Options options;
    options.segment_size = 8 * kMiB;
    options.fsync = Fsync::kNever;  // no frames of the writer's own
    options.compaction_threshold = 0;
    options.reader_threads = 1;
    options.file_system = &files_;
    options.clock = &clock_;
    auto opened = Store::open("data", options);
    EXPECT_TRUE(opened) << opened.status().message();
    store_ = std::move(*opened);
  }

  static std::string bytes(std::size_t count) {
    std::string made(count, '\0');
    for (std::size_t i = 0; i < count; ++i) made[i] = static_cast<char>('a' + i * 7 % 23);
    return made;
  }
  void set(const std::string& key, const std::string& value) { ASSERT_TRUE(store_->set(key, value)); }
  ValueHandle locate(const std::string& key) { return store_->locate(key).value(); }
  void everything_leaves_memory() {
    files_.note_page_fault_elsewhere();
    clock_.advance_ms(1'000);
    files_.forget_pages();
  }
  template <typename Work>
  void on_reader(Work work) {
    std::promise<void> done;
    store_->run_on_reader([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  // Into a buffer that is longer than the value, of which nothing but the value's part may change.
  Status read(const std::string& key, std::string& out, const std::function<bool()>& should_stop = {}) {
    const ValueHandle handle = locate(key);
    std::string room(handle.value_bytes() + 2, '#');
    const Status status =
        store_->read_into(key, handle, std::span(room).subspan(1, handle.value_bytes()), should_stop);
    EXPECT_TRUE(room.front() == '#' && room.back() == '#');
    out = room.substr(1, handle.value_bytes());
    return status;
  }
  // How often the log was read by `work`, by call.
  template <typename Work>
  std::vector<ReadCall> reads_of(Work work) {
    const std::size_t before = files_.log().size();
    work();
    std::vector<ReadCall> kinds;
    const auto log = files_.log();
    for (std::size_t i = before; i < log.size(); ++i) {
      const ReadCall kind = log[i].kind;
      const bool is_read =
          kind == ReadCall::kRead || kind == ReadCall::kReadCached || kind == ReadCall::kCopy;
      if (is_read && log[i].path == kLog) kinds.push_back(kind);
    }
    return kinds;
  }
  void damage(const std::string& bytes, std::size_t at) {
    const std::uint64_t offset = files_.disk().contents(kLog).find(bytes) + at;
    files_.damage([&](sim::SimDisk& disk) { disk.flip_bit(kLog, offset, 3); });
  }

  static constexpr const char* kLog = "data/segment-00000001.dat";
  static constexpr std::size_t kPiece = Store::kReadPieceBytes;
  sim::SimFileSystem files_;
  sim::SimClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(ReadIntoTest, TheCallersMemoryHoldsTheValueWhateverItsLengthAndWhoeverReads) {
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{5'000}, kPiece / 4,
                                   kPiece / 4 + 1, kPiece, kPiece + 1, 3 * kPiece - 5}) {
    for (const std::size_t key_bytes : {std::size_t{3}, std::size_t{300}}) {
      const std::string key(key_bytes, 'k');
      set(key, bytes(length));
      std::string out;
      ASSERT_TRUE(read(key, out));
      EXPECT_EQ(out, bytes(length)) << length;
      everything_leaves_memory();
      on_reader([&] {
        ASSERT_TRUE(read(key, out));
        EXPECT_EQ(out, bytes(length)) << length;
      });
    }
  }
}

TEST_F(ReadIntoTest, AHandleTellsTheVersionThatItReads) {
  const auto first = store_->set("k", "first");
  const ValueHandle old = locate("k");
  const auto second = store_->set("k", "second");
  EXPECT_EQ(old.version(), *first);
  EXPECT_EQ(locate("k").version(), *second);
  std::string out(5, '\0');
  ASSERT_TRUE(store_->read_into("k", old, out));
  EXPECT_EQ(out, "first");
}

TEST_F(ReadIntoTest, EveryByteIsReadOnceAndInPieces) {
  set("large", bytes(2 * kPiece + 10));
  std::string out;
  EXPECT_EQ(reads_of([&] { ASSERT_TRUE(read("large", out)); }), std::vector<ReadCall>(3, ReadCall::kRead));
  set("small", bytes(1'000));
  EXPECT_EQ(reads_of([&] { on_reader([&] { ASSERT_TRUE(read("small", out)); }); }),
            std::vector<ReadCall>(1, ReadCall::kRead));
}

TEST_F(ReadIntoTest, DamageAnywhereIsFound) {
  const std::string value = bytes(2 * kPiece + 10);
  set("a-key-of-its-own", value);
  std::string out;
  for (const std::size_t at : {std::size_t{0}, kPiece, 2 * kPiece + 9}) {
    damage(value.substr(0, 100), at);
    EXPECT_EQ(read("a-key-of-its-own", out).code(), StatusCode::kCorruption) << at;
    damage(std::string("a-key-of-its-own"), 16 + at);
    EXPECT_TRUE(read("a-key-of-its-own", out)) << "it was turned back";
  }
  damage("a-key-of-its-own", 4);
  EXPECT_EQ(read("a-key-of-its-own", out).code(), StatusCode::kCorruption);
}

TEST_F(ReadIntoTest, AReadWhoseAnswerIsNotWantedAnyMoreEnds) {
  set("large", bytes(4 * kPiece));
  std::string out;
  int asked = 0;
  const auto reads = reads_of([&] {
    const Status status = read("large", out, [&] { return ++asked == 3; });
    EXPECT_EQ(status.code(), StatusCode::kCancelled) << status.message();
  });
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(reads.size(), 2U);
  EXPECT_TRUE(read("large", out, [] { return false; }));
  EXPECT_EQ(out, bytes(4 * kPiece));
}

TEST_F(ReadIntoTest, WithoutWaitingThereIsWhatIsInMemoryAndNotLarge) {
  const auto try_read = [&](const std::string& key, std::string& out) {
    const ValueHandle handle = locate(key);
    out.assign(handle.value_bytes(), '#');
    return store_->try_read_into(key, handle, out);
  };
  set("k", bytes(1'000));
  set("largest", bytes(Store::kMaxValueAtOnceBytes));
  set("larger", bytes(Store::kMaxValueAtOnceBytes + 1));
  std::string out;
  for (const char* key : {"k", "largest"}) {
    const auto done = try_read(key, out);
    ASSERT_TRUE(done && *done) << key;
    EXPECT_EQ(out, bytes(out.size()));
  }
  EXPECT_FALSE(try_read("larger", out));
  everything_leaves_memory();
  EXPECT_FALSE(try_read("k", out));
  on_reader([&] { ASSERT_TRUE(read("k", out)); });
  damage(bytes(1'000), 500);
  EXPECT_EQ(try_read("k", out).value().code(), StatusCode::kCorruption);
}

// ---- old values ----

// Makes a value longer, in the memory that it came in.
class GrowTask final : public BlockingTask {
 public:
  GrowTask(std::string key, std::string more, OldValue old) : key_(std::move(key)), more_(std::move(more)) {
    old_ = std::move(old);
    old_.key = key_;
  }
  std::span<OldValue> old_values() override { return {&old_, 1}; }
  void execute(Transaction& transaction) override {
    Result<Value> before = transaction.get(key_);
    if (!before) return;
    whole_ = std::move(before->data);
    const char* const location = whole_.data();
    whole_ += more_;
    has_moved_ = whole_.data() != location;
    transaction.put(key_, whole_);
  }
  void done(const Status& status) override {
    finished_.set_value();
    BlockingTask::done(status);
  }
  bool is_done() { return finished_future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  bool has_moved() const { return has_moved_; }

 private:
  const std::string key_, more_;
  OldValue old_;
  std::string whole_;
  bool has_moved_ = true;
  std::promise<void> finished_;
  std::future<void> finished_future_ = finished_.get_future();
};

class OldValueRoomTest : public ReadIntoTest {
 protected:
  void run(GrowTask& task) {
    if (!store_->try_load(task.old_values())) on_reader([&] { store_->load(task.old_values()); });
    WriteTask* const tasks[] = {&task};
    store_->submit(tasks);
    EXPECT_TRUE(task.wait());
  }
};

TEST_F(OldValueRoomTest, AValueComesWithTheRoomThatItsTaskAsksFor) {
  for (const std::size_t length : {std::size_t{1'000}, kPiece + 7}) {
    const std::string more(10'000, '+');
    set("k", bytes(length));
    GrowTask by_bytes("k", more, OldValue{.more_bytes = more.size()});
    run(by_bytes);
    EXPECT_FALSE(by_bytes.has_moved());
    GrowTask to_length("k", more, OldValue{.least_bytes = length + 2 * more.size()});
    run(to_length);
    EXPECT_FALSE(to_length.has_moved());
    EXPECT_EQ(store_->get("k")->data, bytes(length) + more + more);
  }
}

TEST_F(OldValueRoomTest, SoDoesOneThatTheSameGroupHasPut) {
  const std::string more(10'000, '+');
  set("k", bytes(1'000));
  GrowTask first("k", more, OldValue{.more_bytes = more.size()});
  GrowTask second("k", more, OldValue{.more_bytes = more.size()});
  WriteTask* const tasks[] = {&first, &second};
  store_->submit(tasks);
  EXPECT_TRUE(second.wait());
  EXPECT_FALSE(second.has_moved());
  EXPECT_EQ(store_->get("k")->data, bytes(1'000) + more + more);
}

TEST_F(OldValueRoomTest, TheRoomIsBoundedByTheLongestValue) {
  set("k", bytes(1'000));
  GrowTask task("k", "+", OldValue{.more_bytes = SIZE_MAX, .least_bytes = SIZE_MAX});
  run(task);
  EXPECT_FALSE(task.has_moved());
  EXPECT_EQ(store_->get("k")->data, bytes(1'000) + "+");
}

TEST_F(OldValueRoomTest, ALargeOldValueIsAReadersBusinessAlsoWhenItIsInMemory) {
  set("small", bytes(10));
  set("k", bytes(kPiece));
  GrowTask before("small", "+", {}), ahead("k", "+", {}), late("k", "!", {});
  EXPECT_FALSE(store_->try_load(ahead.old_values()));
  WriteTask* const tasks[] = {&before, &late};
  {
    sim::ReaderBlock block(*store_);
    store_->submit(tasks);
    EXPECT_TRUE(before.wait());
    EXPECT_FALSE(late.is_done());
  }
  EXPECT_TRUE(late.wait());
  run(ahead);
  EXPECT_EQ(store_->get("k")->data, bytes(kPiece) + "!+");
}

}  // namespace
}  // namespace minikv::engine
