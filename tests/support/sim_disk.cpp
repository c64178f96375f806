// The directory tree, its pending changes, and what of them is left after a crash.
#include "tests/support/sim_disk.h"

#include <functional>
#include <set>
#include <stdexcept>

namespace minikv::sim {

SplitPath split_path(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"", std::string(path)};
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

SimDisk SimDisk::after_crash(CrashMode mode, std::uint64_t seed) const {
  CrashPlan plan;
  plan.mode = mode;
  plan.random.seed(seed);
  // Some crashes spare nearly everything, some nearly nothing.
  const unsigned chances[] = {500, 500, 100, 900};
  plan.keep_per_mille = chances[plan.random() % 4];
  plan.last_change = last_change_;

  SimDisk after;
  after.next_inode_ = next_inode_;
  for (const auto& [path, directory] : directories_) {
    if (!directory.is_durable &&
        (mode == CrashMode::kDropAll || (mode != CrashMode::kKeepAll && !plan.keeps()))) {
      continue;
    }
    Directory& left = after.directories_[path];
    left.is_durable = true;
    left.durable = entries_after_crash(directory, plan);
    left.live = left.durable;
    for (const auto& [name, id] : left.live) {
      auto file = std::make_shared<SimInode>();
      file->reset(inode(id).after_crash(plan));
      after.inodes_[id] = std::move(file);
    }
  }
  return after;
}

SimDisk::Entries SimDisk::entries_after_crash(const Directory& directory, CrashPlan& plan) {
  Entries entries = directory.durable;
  if (plan.mode == CrashMode::kDropAll) return entries;
  std::set<std::string> stuck;  // names with a change that did not survive: no later one does
  for (const EntryChange& change : directory.pending) {
    bool survives = !stuck.contains(change.from) && !stuck.contains(change.to);
    if (plan.mode == CrashMode::kRandom) survives = survives && plan.keeps();
    if (plan.mode == CrashMode::kTearLast) survives = change.number != plan.last_change;
    if (survives) {
      apply(change, entries);
      continue;
    }
    if (!change.from.empty()) stuck.insert(change.from);
    if (!change.to.empty()) stuck.insert(change.to);
  }
  return entries;
}

bool SimDisk::has_pending() const {
  for (const auto& [path, directory] : directories_) {
    if (!directory.is_durable || !directory.pending.empty()) return true;
    for (const auto& [name, id] : directory.live) {
      if (inode(id).has_pending()) return true;
    }
  }
  return false;
}

std::uint64_t SimDisk::fingerprint() const {
  std::uint64_t sum = 0;
  for (const auto& [path, directory] : directories_) {
    for (const auto& [name, id] : directory.live) {
      sum = sum * 0x9E3779B97F4A7C15U + std::hash<std::string>()(path + "/" + name);
      sum = sum * 0x9E3779B97F4A7C15U + inode(id).live().fingerprint();
    }
  }
  return sum;
}

void SimDisk::apply(const EntryChange& change, Entries& entries) {
  InodeId id = change.inode;
  if (!change.from.empty()) {
    id = entries.at(change.from);
    entries.erase(change.from);
  }
  if (!change.to.empty()) entries[change.to] = id;
}

void SimDisk::change_entry(const std::string& directory, EntryChange change) {
  change.number = ++last_change_;
  Directory& where = directories_.at(directory);
  apply(change, where.live);
  where.pending.push_back(std::move(change));
}

SimDisk::Directory* SimDisk::find_directory(const std::string& path) {
  const auto found = directories_.find(path);
  return found == directories_.end() ? nullptr : &found->second;
}

SimDisk::InodeId SimDisk::find(const std::string& path) const {
  const auto [directory, name] = split_path(path);
  const auto where = directories_.find(directory);
  if (where == directories_.end()) return 0;
  const auto entry = where->second.live.find(name);
  return entry == where->second.live.end() ? 0 : entry->second;
}

std::size_t SimDisk::names_of(InodeId id) const {
  std::size_t names = 0;
  for (const auto& [path, directory] : directories_) {
    for (const auto& [name, inode] : directory.live) names += inode == id ? 1 : 0;
  }
  return names;
}

SimInode& SimDisk::own_inode(InodeId id) {
  auto& file = inodes_.at(id);
  if (file.use_count() > 1) file = std::make_shared<SimInode>(*file);
  return *file;
}

std::uint64_t SimDisk::live_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, directory] : directories_) {
    for (const auto& [name, id] : directory.live) bytes += inode(id).live().size();
  }
  return bytes;
}

std::vector<std::string> SimDisk::files() const {
  std::vector<std::string> paths;
  for (const auto& [directory, entries] : directories_) {
    for (const auto& [name, id] : entries.live)
      paths.push_back(directory.empty() ? name : directory + "/" + name);
  }
  return paths;
}

bool SimDisk::exists(const std::string& path) const { return find(path) != 0; }

std::string SimDisk::contents(const std::string& path) const {
  const SimContent& content = inode(find(path)).live();
  return content.slice(0, content.size());
}

std::uint64_t SimDisk::size(const std::string& path) const { return inode(find(path)).live().size(); }

void SimDisk::link(const std::string& path, const std::string& other) {
  const auto [directory, name] = split_path(other);
  Directory& where = directories_[directory];
  where.is_durable = true;
  where.live[name] = where.durable[name] = find(path);
}

void SimDisk::put(const std::string& path, std::string_view contents) {
  const auto [directory, name] = split_path(path);
  Directory& where = directories_[directory];
  where.is_durable = true;
  if (!exists(path)) {
    const InodeId id = next_inode_++;
    inodes_[id] = std::make_shared<SimInode>();
    where.live[name] = id;
    where.durable[name] = id;
  }
  SimContent content;
  content.write(0, contents);
  own_inode(find(path)).reset(std::move(content));
}

void SimDisk::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  const char byte = inode(find(path)).live().slice(offset, 1).at(0);
  const char flipped = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit));
  overwrite(path, offset, {&flipped, 1});
}

void SimDisk::overwrite(const std::string& path, std::uint64_t offset, std::string_view bytes) {
  SimInode& file = own_inode(find(path));
  SimContent content = file.live();
  content.write(offset, bytes);
  file.reset(std::move(content));
}

void SimDisk::cut(const std::string& path, std::uint64_t size) {
  SimInode& file = own_inode(find(path));
  SimContent content = file.live();
  content.resize(size);
  file.reset(std::move(content));
}

void SimDisk::erase(const std::string& path) {
  const auto [directory, name] = split_path(path);
  Directory& where = directories_.at(directory);
  if (where.live.erase(name) == 0) throw std::logic_error("no such file: " + path);
  where.durable.erase(name);
}

}  // namespace minikv::sim
