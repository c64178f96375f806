// Fills a store, finds its records in the segment files, and drops their pages from the page cache.
#include "bench/micro/cold_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <unordered_map>

#include "bench/support/program.h"
#include "bench/support/stores.h"
#include "engine/format/file_names.h"
#include "engine/format/hint.h"
#include "engine/segment/segment.h"

namespace minikv::bench {
namespace {

constexpr std::size_t kStride = 3;
constexpr std::uint64_t kColdSeed = 4;

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

Result<std::unique_ptr<ColdStore>> ColdStore::make() {
  auto made = std::make_unique<ColdStore>();
  MINIKV_TRY(made->fill_and_close());
  MINIKV_TRY(made->find_records());
  MINIKV_TRY(made->cool());
  return made;
}

Status ColdStore::fill_and_close() {
  auto opened = Store::open(directory_.path(), bench_options(Fsync::kNever));
  if (!opened) return opened.status();
  const std::vector<Key> all = keys_in_order(settings().keys / 20);
  MINIKV_TRY(fill(**opened, all, kColdValueBytes));
  for (std::size_t i = 0; i < all.size(); i += kStride) keys_.push_back(all[i]);
  std::shuffle(keys_.begin(), keys_.end(), std::mt19937_64(kColdSeed));
  return (*opened)->close();
}

// The locations of the records come from the hints, which a clean close has written.
Status ColdStore::find_records() {
  std::unordered_map<std::string, Record> locations;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    const engine::SegmentId id = engine::parse_hint_name(entry.path().filename().string());
    if (id == engine::kNoSegment) continue;
    const Result<engine::Hint> hint = engine::parse_hint(contents_of(entry.path().string()), nullptr);
    if (!hint) return hint.status();
    const std::size_t file = files_.size();
    files_.push_back(directory_.path() + "/" + engine::segment_name(id));
    hint->for_each([&](const engine::HintEntry& told) {
      const std::uint64_t bytes = engine::record_bytes(told.key.size(), told.header.value_length);
      locations.insert_or_assign(std::string(told.key), Record{file, told.offset, bytes});
      return true;
    });
  }
  for (const Key& key : keys_) {
    const auto location = locations.find(std::string(key.view()));
    if (location == locations.end())
      return {StatusCode::kNotFound, "no hint tells of a key that was written"};
    records_.push_back(location->second);
  }
  for (const std::string& file : files_) {
    auto watch = PageWatch::open(file);
    if (!watch) return watch.status();
    watches_.push_back(std::move(*watch));
  }
  return Status::ok();
}

Status ColdStore::cool() {
  store_.reset();
  for (const std::string& file : files_) MINIKV_TRY(forget_pages(file));
  auto opened = Store::open(directory_.path(), bench_options(Fsync::kNever));
  if (!opened) return opened.status();
  store_ = std::move(*opened);
  handed_out_ = 0;
  return Status::ok();
}

Result<const Key*> ColdStore::next() {
  for (int round = 0; round < 2; ++round) {
    for (std::size_t tried = handed_out_; tried < keys_.size(); ++tried) {
      next_ = handed_out_++;
      if (!is_in_memory(records_[next_])) return &keys_[next_];
    }
    MINIKV_TRY(cool());
  }
  return Status(StatusCode::kIoError,
                "the values stay in memory whatever is done: this file system can't be read cold");
}

bool ColdStore::is_in_memory() const { return is_in_memory(records_[next_]); }

bool ColdStore::is_in_memory(const Record& record) const {
  return watches_[record.file].is_in_memory(record.offset, record.bytes);
}

}  // namespace minikv::bench
