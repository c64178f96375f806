// The log goes on in the spare before its predecessor is sealed: a crash in between leaves two segments that
// belong together.

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/file_system.h"
#include "minikv/store.h"

namespace minikv::engine {
namespace {

// Where sealing stops until it is let go on.
class SealGate {
 public:
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void open() {
    std::lock_guard lock(mutex_);
    closed_ = false;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    waiting_ = closed_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !closed_; });
  }
  bool has_somebody() {
    std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  bool waiting_ = false;
};

class GatedFile final : public File {
 public:
  GatedFile(std::unique_ptr<File> file, SealGate* gate) : file_(std::move(file)), gate_(gate) {}
  Result<std::uint64_t> size() const override { return file_->size(); }
  Status read(std::uint64_t offset, std::span<char> out) const override { return file_->read(offset, out); }
  Result<std::size_t> read_cached(std::uint64_t offset,
                                  std::span<const std::span<char>> pieces) const override {
    return file_->read_cached(offset, pieces);
  }
  // The manifest says that a full segment is sealed before the file is cut.
  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    if (gate_ != nullptr) gate_->pass();
    return file_->write(offset, pieces);
  }
  Status sync() override { return file_->sync(); }
  Status truncate(std::uint64_t size) override { return file_->truncate(size); }
  void drop_cache() override { file_->drop_cache(); }
  Result<std::unique_ptr<Mapping>> map(std::uint64_t length) const override { return file_->map(length); }

 private:
  std::unique_ptr<File> file_;
  SealGate* const gate_;  // null: none
};

class GatedFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    auto file = posix().open(path, mode);
    if (!file) return file.status();
    const bool is_manifest = path.find("/MANIFEST") != std::string::npos;
    return std::unique_ptr<File>(
        std::make_unique<GatedFile>(std::move(*file), is_manifest ? &gate : nullptr));
  }
  Status rename(const std::string& from, const std::string& to) override { return posix().rename(from, to); }
  Status remove(const std::string& path) override { return posix().remove(path); }
  Status create_dir(const std::string& path) override { return posix().create_dir(path); }
  Status sync_dir(const std::string& path) override { return posix().sync_dir(path); }
  Result<std::vector<std::string>> list(const std::string& path) override { return posix().list(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return posix().lock(path); }
  Result<std::unique_ptr<FileLock>> lock_existing(const std::string& path) override {
    return posix().lock_existing(path);
  }
  Result<std::unique_ptr<LockedDirectory>> lock_directory(const std::string& path) override;
  Result<std::uint64_t> free_space(const std::string& path) override { return posix().free_space(path); }

  SealGate gate;
};

// Nobody else wants it.
class GatedDirectory final : public LockedDirectory {
 public:
  explicit GatedDirectory(FileSystem& files) : files_(std::shared_ptr<void>(), &files) {}
  bool is_locked() const override { return true; }
  std::shared_ptr<FileSystem> files() override { return files_; }

 private:
  std::shared_ptr<FileSystem> files_;
};

Result<std::unique_ptr<LockedDirectory>> GatedFileSystem::lock_directory(const std::string& /*path*/) {
  return std::unique_ptr<LockedDirectory>(std::make_unique<GatedDirectory>(*this));
}

// So that a test that fails ends: a store that is being closed waits behind the gate.
struct OpenAtEnd {
  SealGate& gate;
  ~OpenAtEnd() { gate.open(); }
};

TEST(RecoveryChainTest, ASpareInUseIsReadBehindItsPredecessorThatIsNotSealedYet) {
  std::string directory = testing::TempDir() + "minikv-chain-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  GatedFileSystem files;
  Options options;
  options.segment_size = kMiB;
  options.file_system = &files;
  options.compaction_threshold = 0;
  auto store = Store::open(directory + "/live", options);
  ASSERT_TRUE(store) << store.status().message();

  // The spare is there, so that the manifest's next commit is the seal's.
  while (!std::filesystem::exists(directory + "/live/segment-00000002.dat")) std::this_thread::yield();

  const OpenAtEnd open_at_end{files.gate};
  files.gate.close();
  const std::string value(100 * 1024, 'v');
  int written = 0;
  const auto set = [&] {
    ASSERT_TRUE((*store)->set("key" + std::to_string(written), value + std::to_string(written)));
    ++written;
  };
  while (!files.gate.has_somebody() && written < 200)
    set();                                 // into the second segment, as soon as there is one
  ASSERT_TRUE(files.gate.has_somebody());  // the first one is not sealed, and will not be
  for (int i = 0; i < 3; ++i) set();       // groups whose watermark covers all of the first segment
  // What a crash would leave now. The names in the manifest are the live ones'.
  std::filesystem::copy(directory + "/live", directory + "/crashed");
  files.gate.open();
  ASSERT_TRUE((*store)->close());

  options.file_system = nullptr;
  auto reopened = Store::open(directory + "/crashed", options);
  ASSERT_TRUE(reopened) << reopened.status().message();
  EXPECT_EQ((*reopened)->stats().cut_bytes, 0u);
  for (int i = 0; i < written; ++i) {
    auto found = (*reopened)->get("key" + std::to_string(i));
    ASSERT_TRUE(found) << i << ": " << found.status().message();
    EXPECT_EQ(found->data, value + std::to_string(i));
  }
  reopened = Status(StatusCode::kShutdown, "done");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace minikv::engine
