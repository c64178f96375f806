// A store becomes read-only at any moment: somebody else's sync has failed while a group was being put
// together.
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "minikv/store.h"
#include "tests/support/sim_file_system.h"

namespace minikv {
namespace {

class FunctionTask final : public WriteTask {
 public:
  explicit FunctionTask(std::function<void(Transaction&)> body) : body_(std::move(body)) {}
  void execute(Transaction& transaction) override { body_(transaction); }
  void done(const Status& status) override { status_ = status; }
  const Status& status() const { return status_; }

 private:
  const std::function<void(Transaction&)> body_;
  Status status_;
};

TEST(ReadOnlyStoreTest, WhatWasExecutedAsItBecameReadOnlyIsRefusedAndNotSeen) {
  sim::SimFileSystem files;
  Options options;
  options.segment_size = kMiB;
  options.fsync = Fsync::kInterval;
  options.fsync_interval_ms = 200;
  options.compaction_threshold = 0;
  options.file_system = &files;
  auto opened = Store::open("data", options);
  ASSERT_TRUE(opened) << opened.status().message();
  Store& store = **opened;
  ASSERT_TRUE(store.set("old", "1"));

  bool became_read_only = false;
  FunctionTask put([](Transaction& transaction) { transaction.put("new", "2"); });
  FunctionTask removal([](Transaction& transaction) { EXPECT_TRUE(transaction.remove("old")); });
  FunctionTask failure([&](Transaction& transaction) {
    transaction.put("newer", "3");
    files.fail_syncs_from(files.calls() + 1);
    for (int i = 0; i < 10'000 && !became_read_only; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      became_read_only = store.stats().read_only;
    }
  });
  // There is something to sync while they are executed, all three as one group.
  WriteTask* const tasks[] = {&put, &removal, &failure};
  ASSERT_TRUE(store.set("unsynced", "x"));
  store.submit(tasks);
  EXPECT_FALSE(store.set("last", "x"));  // answered when the others have been
  ASSERT_TRUE(became_read_only);
  for (const FunctionTask* task : {&put, &removal, &failure}) {
    EXPECT_EQ(task->status().code(), StatusCode::kReadOnly) << task->status().message();
  }
  EXPECT_EQ(store.get("new").code(), StatusCode::kNotFound);
  EXPECT_EQ(store.get("newer").code(), StatusCode::kNotFound);
  EXPECT_TRUE(store.get("old"));
}

}  // namespace
}  // namespace minikv
