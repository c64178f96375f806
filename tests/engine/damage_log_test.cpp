// Damage that a read or compaction finds is in the log, so that a person learns of it without asking.
#include <string>

#include "tests/engine/full_disk_fixture.h"

namespace minikv {
namespace {

class DamageLogTest : public FullDiskFixture {
 protected:
  void open_with_a_damaged_value() {
    Options options;
    options.log = lines_.sink();
    options.compaction_threshold = 0;
    ASSERT_NO_FATAL_FAILURE(open(options));
    ASSERT_TRUE(store_->set("key", "a value"));
    ASSERT_TRUE(store_->set("other", "another"));
    ASSERT_TRUE(store_->close());
    files_.damage([](sim::SimDisk& disk) {
      const std::string path = "data/segment-00000001.dat";
      disk.flip_bit(path, disk.contents(path).find("a value"), 0);
    });
    ASSERT_NO_FATAL_FAILURE(open(options));
    lines_.clear();
  }
};

TEST_F(DamageLogTest, EachReadOfADamagedValueIsToldWithItsPlace) {
  ASSERT_NO_FATAL_FAILURE(open_with_a_damaged_value());
  EXPECT_EQ(store_->get("other")->data, "another");
  EXPECT_EQ(lines_.count("damaged"), 0);
  EXPECT_EQ(store_->get("key").code(), StatusCode::kCorruption);
  EXPECT_EQ(
      lines_.count("a value is damaged, and its key answers CORRUPT: data/segment-00000001.dat at offset"),
      1);
}

TEST_F(DamageLogTest, CompactionTellsWhatItGivesUp) {
  ASSERT_NO_FATAL_FAILURE(open_with_a_damaged_value());
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(lines_.count("a value is damaged and lost"), 1);
  EXPECT_EQ(store_->stats().lost_keys, 1U);
}

}  // namespace
}  // namespace minikv
