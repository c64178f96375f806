// How much memory this process may use, told by a made-up /proc and /sys.
#include "server/memory/machine_memory.h"

#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace minikv::server {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

class MachineMemoryTest : public testing::Test {
 protected:
  MachineMemoryTest() : root_(testing::TempDir() + "/machine-memory-XXXXXX") {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    write("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:         1000 kB\n");
  }
  ~MachineMemoryTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path at = root_ + path;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text;
  }

  std::string root_;
};

TEST_F(MachineMemoryTest, IsTheMachinesWithoutACgroup) { EXPECT_EQ(usable_memory(root_), 16 * kGiB); }

TEST_F(MachineMemoryTest, IsThatOfTheCgroupOfVersion2) {
  write("/proc/self/cgroup", "0::/system.slice/minikvd.service\n");
  write("/sys/fs/cgroup/system.slice/minikvd.service/memory.max", "2147483648\n");
  EXPECT_EQ(usable_memory(root_), 2 * kGiB);
}

TEST_F(MachineMemoryTest, IsThatOfACgroupAboveIfThatIsLess) {
  write("/proc/self/cgroup", "0::/system.slice/minikvd.service\n");
  write("/sys/fs/cgroup/system.slice/minikvd.service/memory.max", "max\n");
  write("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
  EXPECT_EQ(usable_memory(root_), kGiB);
}

TEST_F(MachineMemoryTest, IsThatOfTheCgroupOfVersion1) {
  write("/proc/self/cgroup", "12:cpu,cpuacct:/x\n5:memory:/docker/abc\n1:name=systemd:/x\n");
  write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "3221225472\n");
  EXPECT_EQ(usable_memory(root_), 3 * kGiB);
}

// Docker with a cgroup namespace of the host's: the path is not below the container's mount.
TEST_F(MachineMemoryTest, IsThatOfTheRootOfAContainerWhosePathIsNotThere) {
  write("/proc/self/cgroup", "0::/docker/abc\n");
  write("/sys/fs/cgroup/memory.max", "536870912\n");
  EXPECT_EQ(usable_memory(root_), kGiB / 2);
}

TEST_F(MachineMemoryTest, HalfOfItIsForKeysWhoeverSetsTheLimit) {
  constexpr std::uint64_t kForClients = 176 * (kGiB / 1024);
  EXPECT_EQ(default_index_memory(4 * kGiB, root_), 8 * kGiB);
  write("/proc/self/cgroup", "0::/docker/abc\n");
  write("/sys/fs/cgroup/memory.max", "536870912\n");
  EXPECT_EQ(default_index_memory(kForClients, root_), kGiB / 4);
  write("/proc/self/cgroup", "5:memory:/docker/abc\n");
  write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "3221225472\n");
  EXPECT_EQ(default_index_memory(3 * kGiB / 4, root_), 3 * kGiB / 2);
}

// The largest value makes clients need more than their quarter.
TEST_F(MachineMemoryTest, WhereItIsLittleKeysGetWhatClientsLeave) {
  constexpr std::uint64_t kMiB = kGiB / 1024;
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/memory.max", "419430400\n");
  EXPECT_EQ(default_index_memory(176 * kMiB, root_), 160 * kMiB);
  write("/sys/fs/cgroup/memory.max", "209715200\n");
  EXPECT_EQ(default_index_memory(176 * kMiB, root_), 50 * kMiB);
}

TEST_F(MachineMemoryTest, IsNeverLessThanWhatAServerNeedsAtAll) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(usable_memory(root_), 64U << 20);
}

}  // namespace
}  // namespace minikv::server
