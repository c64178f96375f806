// The conditions under which a store is opened, and what is said where they are not met.
#include "engine/store/open_checks.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "engine/format/manifest.h"
#include "engine/recovery/file_check.h"

namespace minikv::engine {
namespace {

constexpr std::uint64_t kMaxSegmentSize = 4096 * kMiB;
constexpr std::uint64_t kMaxValueBytes = 1024 * kMiB;
constexpr std::uint32_t kMaxCompactionThreads = 16;

}  // namespace

Status check_options(const Options& options) {
  const auto refuse = [](std::string message) {
    return Status(StatusCode::kInvalidArgument, std::move(message));
  };
  if (options.segment_size < options.min_segment_size || options.segment_size > kMaxSegmentSize) {
    return refuse(fmt::format("segment_size is {} and must be from {} to {} bytes", options.segment_size,
                              options.min_segment_size, kMaxSegmentSize));
  }
  if (options.max_key_bytes > kMaxKeyBytes)
    return refuse(fmt::format("max_key_bytes is at most {}", kMaxKeyBytes));
  if (options.max_value_bytes > kMaxValueBytes) {
    return refuse(fmt::format("max_value_bytes is at most {}", kMaxValueBytes));
  }
  if (options.max_batch_bytes < options.max_value_bytes || options.max_batch_bytes > 2 * kMaxValueBytes) {
    return refuse(fmt::format("max_batch_bytes must be from max_value_bytes to {}", 2 * kMaxValueBytes));
  }
  if (options.reader_threads == 0) return refuse("reader_threads must be at least 1");
  if (options.max_open_files != 0 && options.max_open_files < least_open_files(options)) {
    return refuse(
        fmt::format("max_open_files must be at least {} with so many threads", least_open_files(options)));
  }
  if (options.compaction_threads == 0 || options.compaction_threads > kMaxCompactionThreads) {
    return refuse(fmt::format("compaction_threads must be from 1 to {}", kMaxCompactionThreads));
  }
  if (!(options.compaction_dead_ratio > 0 && options.compaction_dead_ratio <= 1)) {
    return refuse("compaction_dead_ratio must be above 0 and at most 1");
  }
  if (options.fsync == Fsync::kInterval && options.fsync_interval_ms == 0) {
    return refuse("fsync_interval_ms must be at least 1");
  }
  return {};
}

Status check_directory(FileSystem& file_system, const std::string& directory, bool create) {
  auto names = file_system.list(directory);
  if (names.code() == StatusCode::kNotFound) {
    if (!create) return {StatusCode::kNotFound, directory + ": there is no such directory"};
    return file_system.create_dir(directory);
  }
  if (!names) return names.status();
  const bool has_manifest = std::find(names->begin(), names->end(), ManifestFile::kName) != names->end();
  if (has_manifest) return {};
  MINIKV_TRY(check_is_blank(directory, *names));
  if (!create) return {StatusCode::kNotFound, directory + ": there is no store"};
  // The process that made the directory may have died before it was durable.
  return file_system.create_dir(directory);
}

Result<std::size_t> find_descriptors(const FileSystem& file_system, const std::string& directory,
                                     const Options& options) {
  const std::uint64_t least = least_open_files(options);
  const auto free = file_system.free_descriptors();
  if (free && *free < least) {
    return {StatusCode::kRefused,
            fmt::format(
                "{}: the process may open {} more files, and a store needs {}: raise its limit (ulimit -n, "
                "LimitNOFILE), or take fewer compaction_threads or reader_threads",
                directory, *free, least)};
  }
  if (options.max_open_files != 0) return static_cast<std::size_t>(options.max_open_files);
  constexpr std::uint64_t kUnknown = 512;
  return static_cast<std::size_t>(std::max(least, free.value_or(kUnknown) / 2));
}

}  // namespace minikv::engine
