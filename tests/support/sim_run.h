// A store on a simulated disk, driven step by step, with a note of every moment at which it could crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "minikv/store.h"
#include "tests/support/model.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/test_scale.h"

namespace minikv::sim {

inline constexpr const char* kStoreDirectory = "data";

// Small segments, one thread, every write synced.
Options sim_options();

// The machine stopped in the middle of a call.
struct CrashPoint {
  SimDisk disk;
  std::string where;               // the call and the step
  History history;                 // what had been acknowledged by then, and what was under way
  std::uint64_t last_version = 0;  // the highest that anybody was told
  std::int64_t time_ms = 0;
  // A power cut went before, and what it has left was not looked at yet: what that one may have lost is lost,
  // however harmless this crash is.
  bool after_power_cut = false;
};

// Thread safety: none.
class SimRun {
 public:
  // `options` as from sim_options(); file system and clock are put in here. The clocks stand as they stood.
  explicit SimRun(Options options = sim_options(), SimDisk disk = {}, std::int64_t time_passed_ms = 0);
  ~SimRun();
  SimRun(const SimRun&) = delete;
  SimRun& operator=(const SimRun&) = delete;

  // ---- the machine ----
  SimFileSystem& file_system() { return *file_system_; }
  SimClock& clock() { return clock_; }
  // As SimFileSystem's, but it stays when the machine or the process starts again. Calls are counted on and
  // on.
  void set_judge(SimFileSystem::Judge judge);
  // From now on crash points are noted.
  void note_crash_points();
  std::vector<CrashPoint> take_crash_points();

  // ---- the store ----
  Status open();
  Status close();
  // The process dies; the machine goes on. The store is not open afterwards.
  void kill();
  // The power fails; the machine starts again. The store is not open afterwards.
  void cut_power(CrashMode mode, std::uint64_t seed);
  Store* store() { return store_.get(); }  // null if it is not open

  // ---- steps: all of them are noted in the history ----
  Status write(const ModelBatch& batch);
  // All in one group, each a transaction of its own.
  std::vector<Status> write_group(const std::vector<ModelBatch>& batches);
  Status compact();

  // After opening: reads all there is; one of `possible` it has to be, and the history goes on from there.
  // Else says what is wrong.
  std::string settle(const History::Possible& possible);
  // At any time: what is read has to be what was acknowledged, and nothing else. Says what is wrong.
  std::string check() const;

  History& history() { return history_; }
  std::uint64_t last_version() const { return last_version_; }
  std::uint64_t refused_writes() const { return refused_writes_; }

 private:
  // Makes crash points of the snapshots that the last step left. Up to the call at which it was answered the
  // history is `under_way`, behind it `outcome`.
  void note(const std::string& step, std::uint64_t answered_at_call, const History& under_way,
            const History& outcome);
  void note(const std::string& step) { note(step, 0, history_, history_); }
  // Whether the store was right about which keys were there.
  void check_answers(const ModelBatch& batch, std::int64_t now_ms, const std::vector<std::uint64_t>& answers,
                     Contents before);
  void start_machine(SimDisk disk, std::uint64_t calls_before);

  Options options_;
  SimClock clock_;
  SimFileSystem::Judge judge_;
  std::unique_ptr<SimFileSystem> file_system_;
  std::unique_ptr<Store> store_;
  History history_;
  std::uint64_t last_version_ = 0;
  std::uint64_t refused_writes_ = 0;
  std::string wrong_answer_;  // the first
  bool noting_ = false;
  std::vector<CrashPoint> crash_points_;
};

// A fixed history: overwrites, deletes, batches, values of many sizes, rotation, compaction, restarts, kills.
// Goes on after errors, which faults may cause; says what must not happen in spite of them, or nothing.
std::string run_script(SimRun& run);

using test::scaled_rounds;
using test::test_seed;

}  // namespace minikv::sim
