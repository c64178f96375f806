// A file system on a simulated disk, which knows what was synced and what was not, and can crash, tear, fail
// and fill up at any call.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/io/file_system.h"
#include "tests/support/sim_call.h"
#include "tests/support/sim_disk.h"

namespace minikv::sim {

// The disk as it would be found if the machine stopped in the middle of a call: the call's changes are
// pending.
struct SimSnapshot {
  SimCall call;
  SimDisk disk;
};

// One life of a machine: calls are counted, locks are held as long as it lives. For the next life make
// another one on disk() (the process was restarted) or on disk().after_crash() (the power was cut). Renames
// stay within a directory. Mappings have pages of 4,096 bytes.
//
// Thread safety: all members may be called from any thread. Must outlive what it hands out.
class SimFileSystem final : public engine::FileSystem {
 public:
  // Calls before this life count as `calls_before`.
  explicit SimFileSystem(SimDisk disk = {}, std::uint64_t calls_before = 0);

  // ---- faults; those that depend on a number may be set while the calls are going on ----
  // Decides on every call, before all else. Called under the file system's lock: must not call back.
  using Judge = std::function<SimFault(const SimCall&)>;
  void set_judge(Judge judge);
  void fail_call(std::uint64_t number, SimFault fault);
  // From this call on all fail. This one may have been half done: its changes are pending.
  void crash_at_call(std::uint64_t number);
  void fail_syncs_from(std::uint64_t number);
  // Writes that would need more fail with ENOSPC, once what there is room for has been written.
  void set_capacity(std::optional<std::uint64_t> bytes);
  // Whether files can be allocated; else as on file systems that can't.
  void set_can_allocate(bool can);
  // Mappings made from now on cover no more than that.
  void set_most_mapped(std::uint64_t bytes);
  // Reads and copies that touch a byte of this range fail, but for those of what is in memory only.
  void fail_reads_of(const std::string& path, std::uint64_t offset, std::uint64_t length);
  void clear_faults();
  // From now on a page is in memory only once it has been read or written again.
  void forget_pages();
  // Meddles with the disk under whoever uses it. Files must stay.
  void damage(const std::function<void(SimDisk&)>& meddle);

  // ---- what happened ----
  std::uint64_t calls() const;  // the number of the last one
  std::vector<SimCall> log() const;
  // Copies out of mappings that would have waited for the disk.
  std::uint64_t page_faults() const;
  // Somebody else's, which tells that memory is short.
  void note_page_fault_elsewhere() { ++faults_elsewhere_; }
  // How many more files may be open; nothing: any number.
  void set_free_descriptors(std::optional<std::uint64_t> count) { free_descriptors_ = count; }
  std::optional<std::uint64_t> free_descriptors() const override { return free_descriptors_; }
  std::uint64_t page_waits() const override { return page_faults() + faults_elsewhere_; }
  // The disk with all that is pending.
  SimDisk disk() const;
  // From now on every call that changes the disk leaves a snapshot.
  void record_snapshots();
  std::vector<SimSnapshot> take_snapshots();

  // ---- engine::FileSystem ----
  Result<std::unique_ptr<engine::File>> open(const std::string& path, engine::OpenMode mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status create_dir(const std::string& path) override;
  Status sync_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<std::unique_ptr<engine::FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<engine::FileLock>> lock_existing(const std::string& path) override;
  Result<std::unique_ptr<engine::LockedDirectory>> lock_directory(const std::string& path) override;
  Result<std::uint64_t> free_space(const std::string& path) override;

 private:
  static constexpr std::uint64_t kPageBytes = 4096;

  friend class SimFile;
  friend class SimMapping;
  friend class SimFileLock;
  friend class SimLockedDirectory;

  struct BadRange {
    std::string path;
    std::uint64_t begin;
    std::uint64_t end;
  };
  // What is to become of a call.
  struct Verdict {
    int error = 0;      // errno, or 0
    bool done = true;   // it is carried out, error or not
    bool half = false;  // a write is carried out in half
  };

  Verdict begin(SimCall call) MINIKV_REQUIRES(mutex_);
  SimFault fault_of(const SimCall& call) const MINIKV_REQUIRES(mutex_);
  // To be called when a call's changes are pending and not yet durable.
  void leave_snapshot() MINIKV_REQUIRES(mutex_);
  // The answer to the call that has begun last.
  Status answer(int error) const MINIKV_REQUIRES(mutex_);
  Status create_entry(const std::string& path) MINIKV_REQUIRES(mutex_);
  // How many of these bytes, from the front, are in memory; and that they are from now on.
  std::uint64_t cached_bytes(std::uint64_t inode, std::uint64_t offset, std::uint64_t length) const
      MINIKV_REQUIRES(mutex_);
  void bring_in(std::uint64_t inode, std::uint64_t offset, std::uint64_t length) MINIKV_REQUIRES(mutex_);
  bool is_dead() const MINIKV_REQUIRES(mutex_) { return calls_before_ + log_.size() >= crash_at_; }

  const std::uint64_t calls_before_;
  mutable engine::Mutex mutex_;
  SimDisk disk_ MINIKV_GUARDED_BY(mutex_);
  std::vector<SimCall> log_ MINIKV_GUARDED_BY(mutex_);
  std::vector<SimSnapshot> snapshots_ MINIKV_GUARDED_BY(mutex_);
  bool recording_ MINIKV_GUARDED_BY(mutex_) = false;
  std::optional<std::set<std::pair<std::uint64_t, std::uint64_t>>> in_memory_
      MINIKV_GUARDED_BY(mutex_);  // pages, by inode; nothing: all of them
  std::optional<std::uint64_t> free_descriptors_;
  std::atomic<std::uint64_t> faults_elsewhere_{0};
  std::uint64_t page_faults_ MINIKV_GUARDED_BY(mutex_) = 0;
  std::set<std::string> locks_ MINIKV_GUARDED_BY(mutex_);

  Judge judge_ MINIKV_GUARDED_BY(mutex_);
  std::map<std::uint64_t, SimFault> faults_ MINIKV_GUARDED_BY(mutex_);
  std::uint64_t crash_at_ MINIKV_GUARDED_BY(mutex_);
  std::uint64_t syncs_fail_from_ MINIKV_GUARDED_BY(mutex_);
  bool can_allocate_ MINIKV_GUARDED_BY(mutex_) = true;
  std::uint64_t most_mapped_ MINIKV_GUARDED_BY(mutex_) = UINT64_MAX;
  std::optional<std::uint64_t> capacity_ MINIKV_GUARDED_BY(mutex_);
  std::vector<BadRange> bad_ranges_ MINIKV_GUARDED_BY(mutex_);
};

}  // namespace minikv::sim
