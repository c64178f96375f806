// tmpfs, and ext4 on a loop device, in a mount namespace of the test's own.
#include "tests/e2e/mount.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace minikv::test {
namespace {

namespace fs = std::filesystem;

// Not in the kernel's exported headers.
constexpr unsigned long kExt4Shutdown = _IOR('X', 125, std::uint32_t);

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

// Closes at the end of its life.
class Fd {
 public:
  Fd(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (fd_ < 0) fail(path);
  }
  ~Fd() { ::close(fd_); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int operator*() const { return fd_; }

 private:
  int fd_;
};

std::string new_directory() {
  std::string path = testing::TempDir() + "minikv-mount-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) fail("mkdtemp");
  return path;
}

// Mounts made from now on by this thread are seen by nobody else and go with it.
void enter_private_namespace() {
  if (::unshare(CLONE_NEWNS) != 0) fail("unshare");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("making mounts private");
}

// Attached for as long as it is open or mounted.
struct LoopDevice {
  std::string path;
  std::unique_ptr<Fd> fd;
};

LoopDevice attach_loop(const std::string& image) {
  const Fd control("/dev/loop-control", O_RDWR);
  const Fd file(image, O_RDWR);
  for (int attempt = 0; attempt < 50; ++attempt) {
    const int number = ::ioctl(*control, LOOP_CTL_GET_FREE);
    if (number < 0) fail("no free loop device");
    LoopDevice device{fmt::format("/dev/loop{}", number), nullptr};
    device.fd = std::make_unique<Fd>(device.path, O_RDWR);
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(*file);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(**device.fd, LOOP_CONFIGURE, &config) == 0) return device;
    if (errno != EBUSY) fail(device.path);  // busy: somebody else was quicker
  }
  throw std::runtime_error("others take all loop devices");
}

bool is_in_path(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace

std::string why_no_mounts() {
  if (::geteuid() != 0) return "mounting takes root";
  if (::access("/proc/self/ns/mnt", R_OK) != 0) return "the kernel has no mount namespaces";
  return {};
}

std::string why_no_loop_devices() {
  if (std::string why = why_no_mounts(); !why.empty()) return why;
  if (::access("/dev/loop-control", R_OK | W_OK) != 0) return "there is no /dev/loop-control";
  if (!is_in_path("mkfs.ext4")) return "there is no mkfs.ext4 (package e2fsprogs)";
  return {};
}

Mount::Mount(std::string directory, bool is_ext4)
    : directory_(std::move(directory)), path_(directory_ + "/mount"), is_ext4_(is_ext4) {
  fs::create_directory(path_);
}

Mount::Mount(Mount&& other) noexcept
    : directory_(std::exchange(other.directory_, {})),
      path_(std::move(other.path_)),
      is_ext4_(other.is_ext4_) {}

Mount::~Mount() {
  if (directory_.empty()) return;
  ::umount2(path_.c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

Mount Mount::tmpfs(std::uint64_t bytes) {
  enter_private_namespace();
  Mount mount(new_directory(), false);
  const std::string options = fmt::format("size={}", bytes);
  if (::mount("tmpfs", mount.path_.c_str(), "tmpfs", 0, options.c_str()) != 0) fail("mounting a tmpfs");
  return mount;
}

Mount Mount::ext4(std::uint64_t bytes) {
  enter_private_namespace();
  Mount mount(new_directory(), true);
  const std::string image = mount.directory_ + "/image";
  {
    const Fd file(image, O_RDWR | O_CREAT);
    if (::ftruncate(*file, static_cast<off_t>(bytes)) != 0) fail(image);
  }
  if (std::system(fmt::format("mkfs.ext4 -q '{}'", image).c_str()) != 0)
    throw std::runtime_error("mkfs.ext4 failed");
  mount.mount_ext4();
  return mount;
}

void Mount::mount_ext4() {
  const LoopDevice device = attach_loop(directory_ + "/image");
  if (::mount(device.path.c_str(), path_.c_str(), "ext4", 0, nullptr) != 0) fail("mounting an ext4");
}

void Mount::cut_power(std::uint32_t flags) {
  const Fd root(path_, O_RDONLY | O_DIRECTORY);
  if (::ioctl(*root, kExt4Shutdown, &flags) != 0) fail("shutting the file system down");
}

void Mount::remount() {
  if (::umount(path_.c_str()) != 0) fail("unmounting");
  mount_ext4();
}

}  // namespace minikv::test
