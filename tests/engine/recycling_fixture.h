// A store on a simulated disk that recycles the files of compacted segments.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "engine/format/manifest.h"
#include "tests/engine/tools_store.h"
#include "tests/support/sim_run.h"

namespace minikv::sim {

using engine::ManifestSegment;
using engine::SegmentState;

inline constexpr std::uint64_t kSegmentBytes = 16 * 1024;

inline Options recycling_options() {
  Options options = sim_options();
  options.segment_size = kSegmentBytes;
  return options;
}

inline bool is_recycled(const ManifestSegment& entry) {
  return (entry.flags & engine::kSegmentRecycled) != 0;
}

class RecyclingFixture : public testing::Test {
 protected:
  void SetUp() override { start(recycling_options()); }
  void start(Options options) {
    options.log = [this](LogLevel, std::string_view words) { log_.emplace_back(words); };
    run_ = std::make_unique<SimRun>(options);
    ASSERT_EQ(run_->open().message(), "");
  }

  std::string key_of(std::uint64_t write) const { return "key" + std::to_string(write % key_count_); }
  SimDisk disk() const { return run_->file_system().disk(); }
  void write(std::size_t value_bytes = 1500) {
    ++writes_;
    const std::string key = key_of(writes_);
    const std::string value(value_bytes, static_cast<char>('a' + writes_ % 26));
    ASSERT_EQ(run_->write({{.key = key, .value = value}}).message(), "");
    keys_.insert(key);
  }
  std::vector<ManifestSegment> segments(SegmentState state) const {
    std::vector<ManifestSegment> found;
    for (const ManifestSegment& entry : manifest_of(disk()).segments)
      if (entry.state == state) found.push_back(entry);
    return found;
  }
  // The dropped segments that still have their file.
  std::vector<ManifestSegment> kept() const {
    std::vector<ManifestSegment> found = segments(SegmentState::kDropped);
    std::erase_if(
        found, [this](const ManifestSegment& entry) { return !disk().exists(segment_path(id_of(entry))); });
    return found;
  }
  // Writes until `condition()`; fails if it never comes true.
  template <typename Condition>
  void write_until(Condition condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) write();
    ASSERT_TRUE(condition());
  }
  // Until the log goes on in a recycled file and has some frames in it, with room for more.
  void write_into_recycled() {
    write_until([this] { return is_recycled(segments(SegmentState::kActive).at(0)); });
    write();
    write();
    ASSERT_TRUE(is_recycled(segments(SegmentState::kActive).at(0)));
  }
  std::string active_path() const { return segment_path(id_of(segments(SegmentState::kActive).at(0))); }
  bool is_logged(const std::string& words) const {
    return std::any_of(log_.begin(), log_.end(),
                       [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }

  std::vector<std::string> log_;
  std::unique_ptr<SimRun> run_;
  std::set<std::string> keys_;
  std::uint64_t writes_ = 0, key_count_ = 5;
};

}  // namespace minikv::sim
