// RocksDB with Bloom filters and a cache for all of the data, without compression.
#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>

#include "bench/embedded/rival.h"

namespace minikv::bench {
namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

Status status_of(const rocksdb::Status& status) {
  if (status.ok()) return Status::ok();
  return {status.IsNotFound() ? StatusCode::kNotFound : StatusCode::kIoError,
          "rocksdb: " + status.ToString()};
}

class RocksdbReader final : public RivalReader {
 public:
  explicit RocksdbReader(rocksdb::DB& db) : db_(db) {}

  Status get(std::string_view key, std::string& value) override {
    return status_of(db_.Get(rocksdb::ReadOptions(), slice(key), &value));
  }
  Status scan(std::string_view from, std::size_t limit, const Visit& visit) override {
    const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(rocksdb::ReadOptions()));
    for (at->Seek(slice(from)); at->Valid() && limit > 0; at->Next(), --limit)
      visit(view(at->key()), view(at->value()));
    return status_of(at->status());
  }

 private:
  rocksdb::DB& db_;
};

class RocksdbRival final : public Rival {
 public:
  RocksdbRival(std::unique_ptr<rocksdb::DB> db, Durability durability) : db_(std::move(db)) {
    how_.sync = durability == Durability::kSynced;
  }

  Status write(std::span<const Pair> pairs) override {
    if (pairs.size() == 1) return status_of(db_->Put(how_, slice(pairs[0].key), slice(pairs[0].value)));
    rocksdb::WriteBatch batch;
    for (const Pair& pair : pairs) MINIKV_TRY(status_of(batch.Put(slice(pair.key), slice(pair.value))));
    return status_of(db_->Write(how_, &batch));
  }
  std::unique_ptr<RivalReader> reader() override { return std::make_unique<RocksdbReader>(*db_); }
  Status settle() override {
    return status_of(db_->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions how_;
};

Result<std::unique_ptr<Rival>> open(const std::string& directory, Durability durability) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kRivalCacheBytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = kRivalWriteBufferBytes;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB* db = nullptr;
  MINIKV_TRY(status_of(rocksdb::DB::Open(options, directory, &db)));
  return std::unique_ptr<Rival>(std::make_unique<RocksdbRival>(std::unique_ptr<rocksdb::DB>(db), durability));
}

}  // namespace

RivalKind rocksdb_rival() {
  return {"rocksdb",
          fmt::format("{}.{}.{}, no compression, block cache of 512 MiB, Bloom filter of 10 bits, write "
                      "buffer of 64 MiB, "
                      "otherwise defaults; WriteOptions::sync true or false",
                      ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH),
          open};
}

}  // namespace minikv::bench
