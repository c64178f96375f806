// What SimFileSystem hands out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/io/file_system.h"
#include "tests/support/sim_file_system.h"

namespace minikv::sim {

class SimFile final : public engine::File {
 public:
  SimFile(SimFileSystem& file_system, std::uint64_t inode, std::string path, bool writable)
      : fs_(file_system), inode_(inode), path_(std::move(path)), writable_(writable) {}

  Result<std::uint64_t> size() const override;
  Status read(std::uint64_t offset, std::span<char> out) const override;
  Status read_pieces(std::uint64_t offset, std::span<const std::span<char>> pieces) const override;
  Result<std::size_t> read_cached(std::uint64_t offset,
                                  std::span<const std::span<char>> pieces) const override;
  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override;
  Status sync() override;
  Status truncate(std::uint64_t size) override;
  Result<bool> allocate(std::uint64_t size) override;
  // By another name alone: descriptors are not counted.
  bool is_shared() const override;
  bool has_no_name() const override;
  void drop_cache() override;
  Result<std::unique_ptr<engine::Mapping>> map(std::uint64_t length) const override;

 private:
  SimFileSystem& fs_;
  std::uint64_t inode_;
  std::string path_;
  bool writable_;
};

class SimMapping final : public engine::Mapping {
 public:
  SimMapping(SimFileSystem& file_system, std::uint64_t inode, std::string path, std::uint64_t length)
      : fs_(file_system), inode_(inode), path_(std::move(path)), length_(length) {}

  std::uint64_t length() const override { return length_; }
  Status copy(std::uint64_t offset, std::span<char> out) const override;

 private:
  SimFileSystem& fs_;
  std::uint64_t inode_;
  std::string path_;
  std::uint64_t length_;
};

class SimFileLock final : public engine::FileLock {
 public:
  SimFileLock(SimFileSystem& file_system, std::string path) : fs_(file_system), path_(std::move(path)) {}
  ~SimFileLock() override;

 private:
  SimFileSystem& fs_;
  std::string path_;
};

class SimLockedDirectory final : public engine::LockedDirectory {
 public:
  SimLockedDirectory(SimFileSystem& file_system, std::string path)
      : fs_(file_system), path_(std::move(path)) {}
  ~SimLockedDirectory() override;
  bool is_locked() const override { return true; }
  std::shared_ptr<engine::FileSystem> files() override;

 private:
  SimFileSystem& fs_;
  std::string path_;
};

}  // namespace minikv::sim
