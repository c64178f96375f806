// LevelDB with a Bloom filter and a cache for all of the data, without compression.
#include <fmt/format.h>
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include "bench/embedded/rival.h"

namespace minikv::bench {
namespace {

leveldb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const leveldb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

Status status_of(const leveldb::Status& status) {
  if (status.ok()) return Status::ok();
  return {status.IsNotFound() ? StatusCode::kNotFound : StatusCode::kIoError,
          "leveldb: " + status.ToString()};
}

// As the other stores do, LevelDB verifies a block when it reads the block from its file.
leveldb::ReadOptions checked() {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  return options;
}

class LeveldbReader final : public RivalReader {
 public:
  explicit LeveldbReader(leveldb::DB& db) : db_(db) {}

  Status get(std::string_view key, std::string& value) override {
    return status_of(db_.Get(checked(), slice(key), &value));
  }
  Status scan(std::string_view from, std::size_t limit, const Visit& visit) override {
    const std::unique_ptr<leveldb::Iterator> at(db_.NewIterator(checked()));
    for (at->Seek(slice(from)); at->Valid() && limit > 0; at->Next(), --limit)
      visit(view(at->key()), view(at->value()));
    return status_of(at->status());
  }

 private:
  leveldb::DB& db_;
};

class LeveldbRival final : public Rival {
 public:
  explicit LeveldbRival(Durability durability)
      : cache_(leveldb::NewLRUCache(kRivalCacheBytes)), filter_(leveldb::NewBloomFilterPolicy(10)) {
    how_.sync = durability == Durability::kSynced;
  }

  Status open(const std::string& directory) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.compression = leveldb::kNoCompression;
    options.write_buffer_size = kRivalWriteBufferBytes;
    options.block_cache = cache_.get();
    options.filter_policy = filter_.get();
    leveldb::DB* db = nullptr;
    const Status opened = status_of(leveldb::DB::Open(options, directory, &db));
    db_.reset(db);
    return opened;
  }

  Status write(std::span<const Pair> pairs) override {
    if (pairs.size() == 1) return status_of(db_->Put(how_, slice(pairs[0].key), slice(pairs[0].value)));
    leveldb::WriteBatch batch;
    for (const Pair& pair : pairs) batch.Put(slice(pair.key), slice(pair.value));
    return status_of(db_->Write(how_, &batch));
  }
  std::unique_ptr<RivalReader> reader() override { return std::make_unique<LeveldbReader>(*db_); }
  Status settle() override {
    db_->CompactRange(nullptr, nullptr);
    return Status::ok();
  }

 private:
  // The store uses both until it is closed.
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions how_;
};

Result<std::unique_ptr<Rival>> open(const std::string& directory, Durability durability) {
  auto rival = std::make_unique<LeveldbRival>(durability);
  MINIKV_TRY(rival->open(directory));
  return std::unique_ptr<Rival>(std::move(rival));
}

}  // namespace

RivalKind leveldb_rival() {
  return {
      "leveldb",
      fmt::format(
          "{}.{}, no compression, block cache of 512 MiB, Bloom filter of 10 bits, write buffer of 64 MiB, "
          "verify_checksums, otherwise defaults; WriteOptions::sync true or false",
          leveldb::kMajorVersion, leveldb::kMinorVersion),
      open};
}

}  // namespace minikv::bench
