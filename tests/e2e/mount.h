// File systems of a test's own, for tests that fill a disk or cut its power. They take root.
#pragma once

#include <cstdint>
#include <string>

namespace minikv::test {

// Why nothing can be mounted here, or nothing.
std::string why_no_mounts();
// Why no ext4 on a loop device can be made here, or nothing.
std::string why_no_loop_devices();

// Mounted in a mount namespace of the calling thread, so that the kernel takes it away, loop device and all,
// however the test ends. Only the thread that made it, and processes and threads that it starts, see it.
//
// Thread safety: all members by the thread that made it.
class Mount {
 public:
  // A tmpfs that holds `bytes`.
  static Mount tmpfs(std::uint64_t bytes);
  // An ext4 on a loop device over a file of `bytes`.
  static Mount ext4(std::uint64_t bytes);
  ~Mount();
  Mount(Mount&& other) noexcept;
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  Mount& operator=(Mount&&) = delete;

  const std::string& path() const { return path_; }
  // Of an ext4: from now on nothing reaches the device, as if its power had been cut. `flags` as of
  // EXT4_IOC_SHUTDOWN: 0 syncs everything before, 1 writes the journal, 2 drops all that was not written.
  void cut_power(std::uint32_t flags);
  // Unmounts and mounts again. Nobody may have a file open there.
  void remount();

 private:
  Mount(std::string directory, bool is_ext4);
  void mount_ext4();

  std::string directory_;  // with the image and the mount point
  std::string path_;
  bool is_ext4_;
};

}  // namespace minikv::test
