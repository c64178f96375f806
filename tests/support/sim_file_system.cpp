// Every call is numbered and judged before it reaches the disk; pages in memory are kept account of.
#include "tests/support/sim_file_system.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "tests/support/sim_file.h"

namespace minikv::sim {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max(),
                        kPlentyOfSpace = std::uint64_t{1} << 40;

}  // namespace

using engine::MutexLock;
using engine::OpenMode;
using Kind = SimCall::Kind;

SimFileSystem::SimFileSystem(SimDisk disk, std::uint64_t calls_before)
    : calls_before_(calls_before), disk_(std::move(disk)), crash_at_(kNever), syncs_fail_from_(kNever) {
  disk_.directories_[""].is_durable = true;
}

void SimFileSystem::set_judge(Judge judge) {
  MutexLock lock(mutex_);
  judge_ = std::move(judge);
}

void SimFileSystem::fail_call(std::uint64_t number, SimFault fault) {
  MutexLock lock(mutex_);
  faults_[number] = fault;
}

void SimFileSystem::crash_at_call(std::uint64_t number) {
  MutexLock lock(mutex_);
  crash_at_ = number;
}

void SimFileSystem::fail_syncs_from(std::uint64_t number) {
  MutexLock lock(mutex_);
  syncs_fail_from_ = number;
}

void SimFileSystem::set_capacity(std::optional<std::uint64_t> bytes) {
  MutexLock lock(mutex_);
  capacity_ = bytes;
}

void SimFileSystem::set_can_allocate(bool can) {
  MutexLock lock(mutex_);
  can_allocate_ = can;
}

void SimFileSystem::set_most_mapped(std::uint64_t bytes) {
  MutexLock lock(mutex_);
  most_mapped_ = bytes;
}

void SimFileSystem::fail_reads_of(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  MutexLock lock(mutex_);
  bad_ranges_.push_back({path, offset, offset + length});
}

void SimFileSystem::clear_faults() {
  MutexLock lock(mutex_);
  judge_ = nullptr;
  faults_.clear();
  crash_at_ = kNever;
  syncs_fail_from_ = kNever;
  capacity_.reset();
  bad_ranges_.clear();
}

void SimFileSystem::damage(const std::function<void(SimDisk&)>& meddle) {
  MutexLock lock(mutex_);
  meddle(disk_);
}

std::uint64_t SimFileSystem::calls() const {
  MutexLock lock(mutex_);
  return calls_before_ + log_.size();
}

std::vector<SimCall> SimFileSystem::log() const {
  MutexLock lock(mutex_);
  return log_;
}

void SimFileSystem::forget_pages() {
  MutexLock lock(mutex_);
  in_memory_.emplace();
}

std::uint64_t SimFileSystem::page_faults() const {
  MutexLock lock(mutex_);
  return page_faults_;
}

std::uint64_t SimFileSystem::cached_bytes(std::uint64_t inode, std::uint64_t offset,
                                          std::uint64_t length) const {
  if (!in_memory_) return length;
  std::uint64_t end = offset;
  while (end < offset + length && in_memory_->contains({inode, end / kPageBytes}))
    end = (end / kPageBytes + 1) * kPageBytes;
  return std::min(end, offset + length) - offset;
}

void SimFileSystem::bring_in(std::uint64_t inode, std::uint64_t offset, std::uint64_t length) {
  if (!in_memory_ || length == 0) return;
  for (std::uint64_t page = offset / kPageBytes; page <= (offset + length - 1) / kPageBytes; ++page)
    in_memory_->insert({inode, page});
}

SimDisk SimFileSystem::disk() const {
  MutexLock lock(mutex_);
  return disk_;
}

void SimFileSystem::record_snapshots() {
  MutexLock lock(mutex_);
  recording_ = true;
}

std::vector<SimSnapshot> SimFileSystem::take_snapshots() {
  MutexLock lock(mutex_);
  return std::exchange(snapshots_, {});
}

SimFault SimFileSystem::fault_of(const SimCall& call) const {
  if (judge_) {
    if (const SimFault fault = judge_(call); fault != SimFault::kNone) return fault;
  }
  if (const auto fault = faults_.find(call.number); fault != faults_.end()) return fault->second;
  if (call.kind == Kind::kSync && call.number >= syncs_fail_from_) return SimFault::kIoError;
  if (call.kind == Kind::kRead || call.kind == Kind::kCopy) {
    for (const BadRange& bad : bad_ranges_) {
      if (bad.path == call.path && call.offset < bad.end && call.offset + call.length > bad.begin) {
        return SimFault::kIoError;
      }
    }
  }
  return SimFault::kNone;
}

SimFileSystem::Verdict SimFileSystem::begin(SimCall call) {
  call.number = calls_before_ + log_.size() + 1;
  log_.push_back(std::move(call));
  const SimCall& begun = log_.back();
  if (begun.number > crash_at_) return {.error = EIO, .done = false};
  if (begun.number == crash_at_) return {.error = EIO, .done = begun.changes_disk()};
  switch (fault_of(begun)) {
    case SimFault::kNone: return {};
    case SimFault::kIoError: return {.error = EIO, .done = false};
    case SimFault::kDiskFull: return {.error = ENOSPC, .done = false};
    case SimFault::kHalfIoError: return {.error = EIO, .half = true};
    case SimFault::kHalfDiskFull: return {.error = ENOSPC, .half = true};
    case SimFault::kDoneIoError: return {.error = EIO};
  }
  return {};
}

void SimFileSystem::leave_snapshot() {
  if (recording_) snapshots_.push_back({log_.back(), disk_});
}

Status SimFileSystem::answer(int error) const {
  if (error == 0) return Status::ok();
  std::string what = log_.back().describe();
  if (is_dead()) what += " (simulated crash)";
  return Status::from_errno(error, what);
}

Status SimFileSystem::create_entry(const std::string& path) {
  const auto [directory, name] = split_path(path);
  if (disk_.find_directory(directory) == nullptr) return answer(ENOENT);
  const auto id = disk_.next_inode_++;
  disk_.inodes_[id] = std::make_shared<SimInode>();
  disk_.change_entry(directory, {.to = name, .inode = id});
  leave_snapshot();
  return Status::ok();
}

Result<std::unique_ptr<engine::File>> SimFileSystem::open(const std::string& path, OpenMode mode) {
  MutexLock lock(mutex_);
  const bool creates = mode == OpenMode::kCreate;
  const auto verdict = begin({.kind = creates ? Kind::kCreate : Kind::kOpen, .path = path});
  if (!verdict.done || verdict.half) return answer(verdict.error);
  if (creates) {
    if (disk_.find(path) != 0 || disk_.find_directory(path) != nullptr) return answer(EEXIST);
    if (Status created = create_entry(path); !created) return created;
  }
  if (verdict.error != 0) return answer(verdict.error);
  const auto id = disk_.find(path);
  if (id == 0) return answer(ENOENT);
  return std::unique_ptr<engine::File>(std::make_unique<SimFile>(*this, id, path, mode != OpenMode::kRead));
}

Status SimFileSystem::rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  const auto verdict = begin({.kind = Kind::kRename, .path = from, .to = to});
  if (!verdict.done || verdict.half) return answer(verdict.error);
  if (disk_.find(from) == 0) return answer(ENOENT);
  if (split_path(from).directory != split_path(to).directory) return answer(EXDEV);
  if (from != to) {
    disk_.change_entry(split_path(from).directory,
                       {.from = split_path(from).name, .to = split_path(to).name});
  }
  leave_snapshot();
  return answer(verdict.error);
}

Status SimFileSystem::remove(const std::string& path) {
  MutexLock lock(mutex_);
  const auto verdict = begin({.kind = Kind::kRemove, .path = path});
  if (!verdict.done || verdict.half) return answer(verdict.error);
  if (disk_.find(path) == 0) return answer(ENOENT);
  disk_.change_entry(split_path(path).directory, {.from = split_path(path).name});
  leave_snapshot();
  return answer(verdict.error);
}

Status SimFileSystem::create_dir(const std::string& path) {
  MutexLock lock(mutex_);
  const auto verdict = begin({.kind = Kind::kCreateDir, .path = path});
  if (!verdict.done || verdict.half) return answer(verdict.error);
  if (disk_.find(path) != 0) return answer(EEXIST);
  std::vector<SimDisk::Directory*> made;
  for (std::string at = path; !at.empty(); at = split_path(at).directory)
    made.push_back(&disk_.directories_[at]);
  ++disk_.last_change_;
  leave_snapshot();
  if (verdict.error != 0) return answer(verdict.error);
  for (SimDisk::Directory* directory : made) directory->is_durable = true;
  return Status::ok();
}

Status SimFileSystem::sync_dir(const std::string& path) {
  MutexLock lock(mutex_);
  const auto verdict = begin({.kind = Kind::kSyncDir, .path = path});
  leave_snapshot();
  if (verdict.error != 0) return answer(verdict.error);
  SimDisk::Directory* directory = disk_.find_directory(path);
  if (directory == nullptr) return answer(ENOENT);
  directory->durable = directory->live;
  directory->pending.clear();
  return Status::ok();
}

Result<std::vector<std::string>> SimFileSystem::list(const std::string& path) {
  MutexLock lock(mutex_);
  const auto verdict = begin({.kind = Kind::kList, .path = path});
  if (verdict.error != 0) return answer(verdict.error);
  const SimDisk::Directory* directory = disk_.find_directory(path);
  if (directory == nullptr) return answer(ENOENT);
  std::vector<std::string> names;
  for (const auto& [name, id] : directory->live) names.push_back(name);
  for (const auto& [name, below] : disk_.directories_) {
    if (!name.empty() && split_path(name).directory == path) names.push_back(split_path(name).name);
  }
  return names;
}

Result<std::unique_ptr<engine::FileLock>> SimFileSystem::lock(const std::string& path) {
  MutexLock guard(mutex_);
  const auto verdict = begin({.kind = Kind::kLock, .path = path});
  if (!verdict.done || verdict.half) return answer(verdict.error);
  if (disk_.find(path) == 0) {
    if (Status created = create_entry(path); !created) return created;
  }
  if (verdict.error != 0) return answer(verdict.error);
  if (!locks_.insert(path).second) return answer(EWOULDBLOCK);
  return std::unique_ptr<engine::FileLock>(std::make_unique<SimFileLock>(*this, path));
}

Result<std::unique_ptr<engine::FileLock>> SimFileSystem::lock_existing(const std::string& path) {
  MutexLock guard(mutex_);
  const auto verdict = begin({.kind = Kind::kOpen, .path = path});
  if (verdict.error != 0) return answer(verdict.error);
  if (disk_.find(path) == 0) return answer(ENOENT);
  if (!locks_.insert(path).second) return answer(EWOULDBLOCK);
  return std::unique_ptr<engine::FileLock>(std::make_unique<SimFileLock>(*this, path));
}

Result<std::unique_ptr<engine::LockedDirectory>> SimFileSystem::lock_directory(const std::string& path) {
  MutexLock guard(mutex_);
  const auto verdict = begin({.kind = Kind::kOpen, .path = path});
  if (verdict.error != 0) return answer(verdict.error);
  if (disk_.find_directory(path) == nullptr) return answer(ENOENT);
  if (!locks_.insert(path + "/").second) return answer(EWOULDBLOCK);
  return std::unique_ptr<engine::LockedDirectory>(std::make_unique<SimLockedDirectory>(*this, path));
}

Result<std::uint64_t> SimFileSystem::free_space(const std::string& path) {
  MutexLock lock(mutex_);
  const auto verdict = begin({.kind = Kind::kFreeSpace, .path = path});
  if (verdict.error != 0) return answer(verdict.error);
  if (!capacity_) return kPlentyOfSpace;
  const std::uint64_t used = disk_.live_bytes();
  return *capacity_ > used ? *capacity_ - used : 0;
}

}  // namespace minikv::sim
