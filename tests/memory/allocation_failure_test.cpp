// Every allocation of every kind of work fails once, or with all that follow it: the store answers right or
// with an error, what it has refused is not there, and what it has acknowledged is, now and when it is opened
// again.
#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/store/blocking_task.h"
#include "minikv/store.h"
#include "tests/memory/failing_new.h"
#include "tests/support/sim_clock.h"
#include "tests/support/store_fixture.h"
#include "tests/support/test_scale.h"

namespace minikv::test {
namespace {

using engine::BlockingTask;

// A call of the store's, of which allocations may fail.
template <typename Call>
auto in_call(Call call) {
  const FailingNew::InCall in_call;
  return call();
}

// A transaction of the test's: its own allocations don't fail, unless it wants them to.
class ScriptTask final : public BlockingTask {
 public:
  explicit ScriptTask(std::function<void(Transaction&)> body) : body_(std::move(body)) {}
  void execute(Transaction& transaction) override { body_(transaction); }
  void done(const Status& status) override {
    const FailingNew::NotInCall own;
    BlockingTask::done(status);
  }

 private:
  const std::function<void(Transaction&)> body_;
};

using Contents = std::map<std::string, std::string>;

class AllocationFailureTest : public StoreFixture {
 protected:
  AllocationFailureTest() {
    FailingNew::exempt_this_thread();
    options_.min_segment_size = 64 * 1024;
    options_.single_threaded = true;
    options_.compaction_threshold = 0;
    options_.clock = &clock_;
    options_.log = [](LogLevel, std::string_view line) {
      const FailingNew::NotInCall own;
      if (line.find("read-only") != std::string_view::npos) ADD_FAILURE() << line;
    };
  }
  void SetUp() override {
    if (kIsSanitized) GTEST_SKIP() << "allocations fail by an operator new that a sanitizer replaces";
    StoreFixture::SetUp();
  }
  void TearDown() override {
    FailingNew::stop_failing();
    StoreFixture::TearDown();
  }

  // Has `work(attempt)` done again and again: first its first allocation fails, then its second, until it
  // asks for fewer. `more` that follow fail too. What it changes is to be of its own attempt, and in
  // `contents_` if it was acknowledged.
  void explore(const char* what, std::uint64_t more,
               const std::function<Status(std::uint64_t attempt)>& work) {
    std::uint64_t attempt = 1, refused = 0, step = 1;
    for (;; attempt += step) {
      FailingNew::fail_at(attempt, more);
      was_reached_.reset();
      const Status status = work(attempt);
      const bool was_reached = was_reached_.value_or(FailingNew::failed() > 0);
      FailingNew::stop_failing();
      if (!status) {
        ASSERT_EQ(status.code(), StatusCode::kOutOfMemory)
            << what << " " << attempt << ": " << status.message();
        ++refused;
      }
      if (attempt % 64 == 1) expect_contents(fmt::format("{}, allocation {}", what, attempt));
      if (HasFatalFailure()) return;
      if (!was_reached) {
        EXPECT_TRUE(status) << what << ": " << status.message();
        break;
      }
      if (attempt > 2'000) step = attempt / 500;  // what is left is more of the same
    }
    expect_contents(what);
    fmt::print("  {}: {} allocations, {} of them led to a refusal\n", what, attempt - 1, refused);
  }
  // The same for what needs more memory now and then only: one of the first `most` allocations fails, in
  // turn.
  void repeat(const char* what, std::uint64_t times, std::uint64_t most, std::uint64_t more,
              const std::function<Status(std::uint64_t attempt)>& work) {
    std::uint64_t refused = 0, reached = 0;
    for (std::uint64_t attempt = 1; attempt <= times; ++attempt) {
      FailingNew::fail_at(1 + attempt % most, more);
      const Status status = work(attempt);
      reached += FailingNew::failed() > 0 ? 1U : 0U;
      FailingNew::stop_failing();
      if (!status) {
        ASSERT_EQ(status.code(), StatusCode::kOutOfMemory) << what << ": " << status.message();
        ++refused;
      }
      if (attempt % 512 == 0) expect_contents(fmt::format("{}, attempt {}", what, attempt));
      if (HasFatalFailure()) return;
    }
    expect_contents(what);
    fmt::print("  {}: {} times, an allocation failed in {}, {} of them were refused\n", what, times, reached,
               refused);
  }
  void expect_contents(const std::string& when) {
    for (const auto& [key, value] : contents_)
      ASSERT_EQ(get(key), value) << when << ", " << key.substr(0, 40);
    ASSERT_EQ(store_->size(), contents_.size()) << when;
  }
  void reopen() {
    ASSERT_TRUE(store_->close());
    open();
    expect_contents("reopened");
  }
  // The change is in the contents if it was acknowledged.
  Status set(const std::string& key, const std::string& value, std::int64_t expiry_ms = kNoExpiry) {
    const Status status = in_call([&] { return store_->set(key, value, expiry_ms).status(); });
    if (status) contents_[key] = value;
    return status;
  }
  Status run(ScriptTask& task) {
    WriteTask* const tasks[] = {&task};
    in_call([&] { store_->submit(tasks); });
    return task.wait();
  }

  Contents contents_;
  std::optional<bool> was_reached_;  // whether an allocation failed, where the attempt itself has looked
  sim::SimClock clock_;
};

// With one failure, and with a few in a row, and with none that succeeds any more.
class EveryAllocationTest : public AllocationFailureTest,
                            public testing::WithParamInterface<std::uint64_t> {};

TEST_P(EveryAllocationTest, OfSingleWritesMayFail) {
  open();
  const std::uint64_t more = GetParam();
  explore("set", more, [&](std::uint64_t n) { return set(fmt::format("key{}", n), "value"); });
  explore("overwrite", more, [&](std::uint64_t n) { return set("key1", fmt::format("value{}", n)); });
  explore("set with expiry", more, [&](std::uint64_t n) {
    return set(fmt::format("key{}", n), "expires", clock_.wall_ms() + 1'000'000);
  });
  explore("long key", more,
          [&](std::uint64_t n) { return set(std::string(2'000, 'k') + std::to_string(n), "v"); });
  explore("long value", more, [&](std::uint64_t n) { return set("long", std::string(70'000 + n, 'v')); });
  explore("remove", more, [&](std::uint64_t n) {
    const std::string key = fmt::format("key{}", n);
    const auto removed = in_call([&] { return store_->remove(key); });
    if (removed) {
      EXPECT_EQ(*removed, contents_.contains(key));
      contents_.erase(key);
    }
    return removed.status();
  });
  reopen();
}

// The tables and trees of the index grow now and then, once what they are about is on disk.
TEST_P(EveryAllocationTest, OfAGrowingIndexMayFail) {
  open();
  repeat("sets of new keys", 3'000, 12, GetParam(), [&](std::uint64_t n) {
    return set(
        fmt::format("key{}", n * 7919 % 100'003), "value",
        n % 3 == 0 ? clock_.wall_ms() + 1'000'000 + static_cast<std::int64_t>(n * 31 % 1000) : kNoExpiry);
  });
  repeat("batches of new keys", 40, 12, GetParam(), [&](std::uint64_t n) {
    WriteBatch batch;
    Contents changed = contents_;
    for (std::uint64_t i = 0; i < 200; ++i) {
      const std::string key = fmt::format("batch{}:{}", i * 7919 % 1009, n);
      batch.set(key, "v", clock_.wall_ms() + 1'000'000);
      changed[key] = "v";
    }
    const Status status = in_call([&] { return store_->write(batch); });
    if (status) contents_ = changed;
    return status;
  });
  reopen();
}

TEST_P(EveryAllocationTest, OfLargeBatchesMayFail) {
  open();
  explore("batch", GetParam(), [&](std::uint64_t n) {
    WriteBatch batch;
    Contents changed = contents_;
    {
      for (std::uint64_t i = 0; i < 400; ++i) {
        const std::string key = fmt::format("{}:{}", n % 7, i);
        batch.set(key, std::to_string(n));
        changed[key] = std::to_string(n);
      }
      for (std::uint64_t i = 0; i < 50; ++i) {
        const std::string key = fmt::format("{}:{}", (n + 1) % 7, i);
        batch.remove(key);
        changed.erase(key);
      }
    }
    const Status status = in_call([&] { return store_->write(batch); });
    if (status) contents_ = changed;
    return status;
  });
  reopen();
}

TEST_P(EveryAllocationTest, OfRangesAndFlushesMayFail) {
  open();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(set(fmt::format("r{}", i), "v"));
  const auto forget = [this](const std::string& prefix) {
    std::erase_if(contents_, [&](const auto& entry) { return entry.first.starts_with(prefix); });
  };
  explore("remove range", GetParam(), [&](std::uint64_t n) {
    {
      FailingNew::stop_failing();
      EXPECT_TRUE(set(fmt::format("r{}", n % 10), "again"));
      FailingNew::fail_at(n, GetParam());
    }
    const std::string prefix = "r" + std::to_string(n % 10);
    const auto removed = in_call([&] { return store_->remove_prefix(prefix); });
    if (removed) forget(prefix);
    return removed.status();
  });
  explore("range and more in one transaction", GetParam(), [&](std::uint64_t n) {
    const std::string key = "x" + std::to_string(n);
    ScriptTask task([&](Transaction& transaction) {
      transaction.put(key, "v");
      transaction.remove_range("x", "y");
      transaction.put("x", key);
    });
    const Status status = run(task);
    if (status) forget("x");
    if (status) contents_["x"] = key;
    return status;
  });
  explore("clear and more in one transaction", GetParam(), [&](std::uint64_t n) {
    const std::string key = "c" + std::to_string(n);
    ScriptTask task([&](Transaction& transaction) {
      transaction.put("before", "v");
      transaction.remove_all();
      transaction.put(key, "after");
    });
    const Status status = run(task);
    if (status) forget("");
    if (status) contents_[key] = "after";
    return status;
  });
  reopen();
}

// Tasks of one group are refused alone.
TEST_P(EveryAllocationTest, OfOneTaskDoesNotHarmTheOthersOfItsGroup) {
  open();
  std::uint64_t refused_alone = 0;
  explore("group", GetParam(), [&](std::uint64_t n) {
    std::optional<std::vector<std::unique_ptr<ScriptTask>>> tasks;
    std::vector<WriteTask*> pointers;
    {
      tasks.emplace();
      for (std::uint64_t i = 0; i < 6; ++i) {
        tasks->push_back(
            std::make_unique<ScriptTask>([key = fmt::format("{}:{}", n, i)](Transaction& transaction) {
              const std::string made = key + "made here, and longer than what needs no memory";
              if (transaction.put(key, made) > 0) transaction.put("last", "v");
            }));
        pointers.push_back(tasks->back().get());
      }
    }
    in_call([&] { store_->submit(pointers); });
    std::size_t refused = 0;
    Status refusal;
    for (std::uint64_t i = 0; i < tasks->size(); ++i) {
      const Status status = (*tasks)[i]->wait();
      if (status) {
        const std::string key = fmt::format("{}:{}", n, i);
        contents_[key] = key + "made here, and longer than what needs no memory";
        contents_["last"] = "v";
      } else {
        ++refused;
        refusal = status;
      }
    }
    if (refused > 0 && refused < tasks->size()) ++refused_alone;
    return refusal;
  });
  if (GetParam() == 0) {
    EXPECT_GT(refused_alone, 0U);
  }
  reopen();
}

TEST_P(EveryAllocationTest, OfReadsMayFail) {
  open();
  std::vector<std::string> keys;
  for (int i = 0; i < 1'500; ++i) keys.push_back(fmt::format("k{}", i));
  for (int i = 0; i < 1'500; i += 3) ASSERT_TRUE(set(keys[static_cast<std::size_t>(i)], "v"));
  ASSERT_TRUE(set("long", std::string(200'000, 'v')));
  const std::vector<std::string_view> named(keys.begin(), keys.end());
  explore("get", GetParam(),
          [&](std::uint64_t) { return in_call([&] { return store_->get("long").status(); }); });
  explore("look up many", GetParam(), [&](std::uint64_t) {
    KeyLookup lookup(named);
    const Status status = in_call([&] { return store_->look_up(lookup); });
    if (status) {
      EXPECT_EQ(lookup.there(), 500U);
    }
    return status;
  });
  explore("scan", GetParam(), [&](std::uint64_t) {
    try {
      ScanOptions all;
      const ScanPage page = in_call([&] { return store_->scan(all); });
      EXPECT_EQ(page.items.size(), contents_.size());
      for (const ScanItem& item : page.items) {
        if (!item.status) return item.status;
      }
      return Status();
    } catch (const std::bad_alloc&) {
      return Status(StatusCode::kOutOfMemory, "thrown");
    }
  });
}

// Prepared off the writer, or by the writer where that could not be done.
TEST_P(EveryAllocationTest, OfPreparationMayFail) {
  open();
  std::vector<std::string> keys;
  for (int i = 0; i < 1'200; ++i) keys.push_back(fmt::format("k{}", i));
  const std::vector<std::string_view> named(keys.begin(), keys.end());
  class RemoveMany final : public BlockingTask {
   public:
    explicit RemoveMany(std::span<const std::string_view> named) : lookup_(named), range_("r", "s") {
      set_wants_preparation();
    }
    void prepare(Preparation& preparation) override {
      preparation.look_up(lookup_);
      preparation.count(range_);
    }
    void execute(Transaction& transaction) override {
      transaction.look_up(lookup_);
      removed = 0;
      const std::size_t end = lookup_.keys().size();
      for (std::size_t i = lookup_.next_there(0); i < end; i = lookup_.next_there(i + 1))
        removed += transaction.remove(lookup_.keys()[i]) ? 1U : 0U;
      removed += transaction.remove_range(range_);
    }
    std::uint64_t removed = 0;

   private:
    KeyLookup lookup_;
    RangeCount range_;
  };
  explore("remove many", GetParam(), [&](std::uint64_t n) {
    {
      FailingNew::stop_failing();
      for (const char* key : {"k1", "k7", "r1", "r2"}) EXPECT_TRUE(set(key, "v"));
      FailingNew::fail_at(n, GetParam());
    }
    RemoveMany task(named);
    WriteTask* const tasks[] = {&task};
    in_call([&] {
      store_->prepare(task);
      store_->submit(tasks);
    });
    const Status status = task.wait();
    if (status) {
      EXPECT_EQ(task.removed, contents_.size());
      contents_.clear();
    }
    return status;
  });
  reopen();
}

TEST_P(EveryAllocationTest, OfCompactionAndOfGoingOnInAnotherSegmentMayFail) {
  open();
  repeat("segments fill up", 400, 40, GetParam(), [&](std::uint64_t n) {
    return set(fmt::format("k{}", n % 50), std::string(60'000, static_cast<char>('a' + n % 26)));
  });
  explore("compact", GetParam(), [&](std::uint64_t n) {
    FailingNew::stop_failing();
    for (std::uint64_t i = 0; i < 20; ++i) {
      const std::string value(20'000, static_cast<char>('a' + n % 26));
      EXPECT_TRUE(set(fmt::format("c{}", (n + i) % 30), value));
    }
    FailingNew::fail_at(n, GetParam());
    const Status status = in_call([&] { return store_->compact().status(); });
    const std::uint64_t failed = FailingNew::failed();
    FailingNew::stop_failing();
    EXPECT_TRUE(store_->compact()) << "what was given up can be done later";
    was_reached_ = failed > 0;
    return status;
  });
  reopen();
}

TEST_P(EveryAllocationTest, OfExpiryMayFail) {
  open();
  explore("keys expire", GetParam(), [&](std::uint64_t n) {
    {
      FailingNew::stop_failing();
      for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(store_->set(fmt::format("e{}:{}", n, i), "v", clock_.wall_ms() + 10));
      }
      clock_.advance_ms(20);
      FailingNew::fail_at(n, GetParam());
    }
    return set("k", std::to_string(n));
  });
  reopen();
}

TEST_P(EveryAllocationTest, OfAnOpeningMayFail) {
  open();
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(set(fmt::format("k{}", i), std::string(3'000, 'v')));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(set(fmt::format("e{}", i), "v", clock_.wall_ms() + 1'000'000));
  }
  ASSERT_TRUE(store_->remove("k0"));
  contents_.erase("k0");
  std::uint64_t attempt = 1, refused = 0;
  for (;; ++attempt) {
    // Now and then it was killed.
    if (store_ && attempt % 2 == 0) {
      ASSERT_TRUE(store_->close());
    }
    store_.reset();
    FailingNew::fail_at(attempt, GetParam());
    auto opened = in_call([&] { return Store::open(directory_, options_); });
    const bool was_reached = FailingNew::failed() > 0;
    FailingNew::stop_failing();
    if (!opened) {
      ASSERT_EQ(opened.code(), StatusCode::kOutOfMemory) << opened.status().message();
      ++refused;
      continue;
    }
    store_ = std::move(*opened);
    if (attempt % 16 == 0 || !was_reached) expect_contents(fmt::format("opened, allocation {}", attempt));
    if (HasFatalFailure() || !was_reached) break;
    if (attempt > 2'000) attempt += attempt / 500;
  }
  fmt::print("  open: {} allocations, {} of them led to a refusal\n", attempt - 1, refused);
  reopen();
}

INSTANTIATE_TEST_SUITE_P(Failing, EveryAllocationTest, testing::Values(0, 3, UINT64_MAX),
                         [](const testing::TestParamInfo<std::uint64_t>& times) {
                           if (times.param == 0) return std::string("Once");
                           return times.param == 3 ? std::string("FourTimes") : std::string("FromThenOn");
                         });

// ---- with all of its threads ----

// One random call, after which `mine` is what there is of this thread's keys; says whether it was refused.
Status call_by_chance(Store& store, int thread, std::mt19937_64& random, Contents& mine) {
  const std::string key = fmt::format("{}:{}", thread, random() % 300);
  const std::string value(random() % 2'000, static_cast<char>('a' + random() % 26));
  const int kind = static_cast<int>(random() % 10);
  if (kind < 7) {
    const Status status = in_call([&] { return store.set(key, value).status(); });
    if (status) mine[key] = value;
    return status;
  }
  if (kind < 9) {
    const Status status = in_call([&] { return store.remove(key).status(); });
    if (status) mine.erase(key);
    return status;
  }
  const auto found = in_call([&] { return store.get(key); });
  if (!found && found.code() != StatusCode::kNotFound) return found.status();
  EXPECT_EQ(found.is_ok(), mine.contains(key));
  if (found && mine.contains(key)) {
    EXPECT_EQ(found->data, mine[key]);
  }
  return Status::ok();
}

TEST_F(AllocationFailureTest, ByChanceInEveryThreadLosesAndAddsNothing) {
  options_.single_threaded = false;
  options_.clock = nullptr;
  options_.segment_size = 1 * kMiB;
  options_.compaction_threshold = 2;
  options_.compaction_dead_ratio = 0.2;
  options_.fsync = Fsync::kNever;
  options_.log = {};
  open();
  constexpr int kThreads = 3;
  std::vector<Contents> known(kThreads);
  std::atomic<std::uint64_t> refused{0}, done{0};
  FailingNew::fail_one_in(200);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      FailingNew::exempt_this_thread();
      Contents& mine = known[static_cast<std::size_t>(t)];
      std::mt19937_64 random(test_seed(5) + static_cast<std::uint64_t>(t));
      for (std::uint64_t i = 0; i < scaled_rounds(3'000); ++i) {
        if (const Status status = call_by_chance(*store_, t, random, mine); !status) {
          EXPECT_EQ(status.code(), StatusCode::kOutOfMemory) << status.message();
          ++refused;
        }
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  fmt::print("  {} calls, {} of them refused; {} of {} allocations failed\n", done.load(), refused.load(),
             FailingNew::failed(), FailingNew::asked());
  FailingNew::stop_failing();
  EXPECT_GT(refused, 0U);
  for (Contents& mine : known) contents_.merge(mine);
  expect_contents("afterwards");
  EXPECT_TRUE(store_->set("and", "it goes on"));
  contents_["and"] = "it goes on";
  reopen();
}

}  // namespace
}  // namespace minikv::test
