// A simulated disk: directories and files with all that is not durable yet. A value: copies are cheap and
// independent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/sim_inode.h"

namespace minikv::sim {

// Entries of a directory (created, renamed, removed files) that were not synced survive a power cut or not,
// each by itself, but those that concern the same name in their order. A file whose entry did not survive is
// gone with all its contents, synced or not; one whose removal did not survive is back.
//
// Thread safety: distinct objects may be used by distinct threads at once.
class SimDisk {
 public:
  // The disk after a power cut (or, with kKeepAll, after the process was killed). All that is left is
  // durable.
  SimDisk after_crash(CrashMode mode, std::uint64_t seed = 0) const;
  // Whether there is anything that a power cut may take.
  bool has_pending() const;

  // Of all that is seen of it: names and contents.
  std::uint64_t fingerprint() const;

  // ---- looking and meddling, behind everybody's back; paths of files that must exist ----
  std::vector<std::string> files() const;  // all of them, with their directories
  bool exists(const std::string& path) const;
  std::string contents(const std::string& path) const;
  std::uint64_t size(const std::string& path) const;
  void put(const std::string& path, std::string_view contents);  // creates or replaces, durably
  void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);
  void overwrite(const std::string& path, std::uint64_t offset, std::string_view bytes);
  void cut(const std::string& path, std::uint64_t size);
  void erase(const std::string& path);
  void link(const std::string& path, const std::string& other);  // a second name, durably

 private:
  friend class SimFileSystem;
  friend class SimFile;
  friend class SimMapping;

  using InodeId = std::uint64_t;
  using Entries = std::map<std::string, InodeId>;

  struct EntryChange {
    std::uint64_t number = 0;
    std::string from{};  // empty: a creation
    std::string to{};    // empty: a removal; both: a renaming
    InodeId inode = 0;   // of a creation
  };
  struct Directory {
    Entries live;
    Entries durable;
    std::vector<EntryChange> pending;
    bool is_durable = false;
  };

  static void apply(const EntryChange& change, Entries& entries);
  static Entries entries_after_crash(const Directory& directory, CrashPlan& plan);
  // Does it to what is seen and notes it as pending.
  void change_entry(const std::string& directory, EntryChange change);

  // Nothing if there is none.
  Directory* find_directory(const std::string& path);
  InodeId find(const std::string& path) const;
  std::size_t names_of(InodeId id) const;
  const SimInode& inode(InodeId id) const { return *inodes_.at(id); }
  SimInode& own_inode(InodeId id);  // for changing it: not shared with any other disk
  std::uint64_t live_bytes() const;

  std::map<std::string, Directory> directories_;
  std::map<InodeId, std::shared_ptr<SimInode>> inodes_;
  InodeId next_inode_ = 1;
  std::uint64_t last_change_ = 0;  // counts everything that is pending or was
};

// "a/b" is directory "a" and name "b"; "b" is directory "" and name "b".
struct SplitPath {
  std::string directory;
  std::string name;
};
SplitPath split_path(std::string_view path);

}  // namespace minikv::sim
