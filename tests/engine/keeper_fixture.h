// A keeper of a new store on a simulated disk, with its first log segment.
#pragma once

#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "engine/files/keeper.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/sim_run.h"

namespace minikv::engine {

class KeeperFixture : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_.create_dir("data"));
    Manifest manifest;
    manifest.clean_sequence = 1;
    ManifestFile file(files_, "data");
    ASSERT_TRUE(file.commit(manifest));
    keeper_ = std::make_unique<Keeper>(context_, manifest, std::move(file));
    ASSERT_TRUE(keeper_->cut_overlong({}));
    const auto log = keeper_->open_log(nullptr, 1);
    ASSERT_TRUE(log) << log.status().message();
    first_segment_ = *log;
    keeper_->start();
  }

  sim::SimFileSystem files_;
  sim::SimClock clock_;
  StoreContext context_{sim::sim_options(), files_, clock_, "data"};
  std::shared_ptr<Segment> first_segment_;
  std::unique_ptr<Keeper> keeper_;
};

}  // namespace minikv::engine
