// LMDB with its defaults. It has one writer at a time and syncs each transaction separately.
#include <lmdb.h>

#include <fmt/format.h>

#include "bench/embedded/rival.h"

namespace minikv::bench {
namespace {

constexpr std::size_t kMapBytes = std::size_t{16} * 1024 * 1024 * 1024;  // of address space, not of memory

MDB_val value(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
std::string_view view(const MDB_val& bytes) {
  return {static_cast<const char*>(bytes.mv_data), bytes.mv_size};
}

Status status_of(int error) {
  if (error == MDB_SUCCESS) return Status::ok();
  return {error == MDB_NOTFOUND ? StatusCode::kNotFound : StatusCode::kIoError,
          fmt::format("lmdb: {}", mdb_strerror(error))};
}

// A read transaction that is renewed for each read, as the manual of LMDB recommends.
class LmdbReader final : public RivalReader {
 public:
  LmdbReader(MDB_env* env, MDB_dbi dbi) : dbi_(dbi) {
    begun_ = status_of(mdb_txn_begin(env, nullptr, MDB_RDONLY, &transaction_));
    if (begun_) mdb_txn_reset(transaction_);
  }
  ~LmdbReader() override { mdb_txn_abort(transaction_); }
  LmdbReader(const LmdbReader&) = delete;
  LmdbReader& operator=(const LmdbReader&) = delete;

  Status get(std::string_view key, std::string& found) override {
    MINIKV_TRY(renew());
    MDB_val wanted = value(key), data{};
    const int error = mdb_get(transaction_, dbi_, &wanted, &data);
    if (error == MDB_SUCCESS) found.assign(view(data));
    mdb_txn_reset(transaction_);
    return status_of(error);
  }

  Status scan(std::string_view from, std::size_t limit, const Visit& visit) override {
    MINIKV_TRY(renew());
    MDB_cursor* cursor = nullptr;
    int error = mdb_cursor_open(transaction_, dbi_, &cursor);
    if (error == MDB_SUCCESS) {
      MDB_val key = value(from), data{};
      error = mdb_cursor_get(cursor, &key, &data, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
      while (error == MDB_SUCCESS && limit > 0) {
        visit(view(key), view(data));
        if (--limit > 0) error = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
      }
      mdb_cursor_close(cursor);
    }
    mdb_txn_reset(transaction_);
    return error == MDB_NOTFOUND ? Status::ok() : status_of(error);
  }

 private:
  Status renew() { return begun_ ? status_of(mdb_txn_renew(transaction_)) : begun_; }

  MDB_dbi dbi_;
  MDB_txn* transaction_ = nullptr;
  Status begun_;
};

class LmdbRival final : public Rival {
 public:
  LmdbRival() = default;
  ~LmdbRival() override { mdb_env_close(env_); }
  LmdbRival(const LmdbRival&) = delete;
  LmdbRival& operator=(const LmdbRival&) = delete;

  Status open(const std::string& directory, Durability durability) {
    MINIKV_TRY(status_of(mdb_env_create(&env_)));
    MINIKV_TRY(status_of(mdb_env_set_mapsize(env_, kMapBytes)));
    const unsigned flags = durability == Durability::kSynced ? 0 : MDB_NOSYNC;
    MINIKV_TRY(status_of(mdb_env_open(env_, directory.c_str(), flags, 0640)));
    return in_transaction(
        [this](MDB_txn* transaction) { return mdb_dbi_open(transaction, nullptr, 0, &dbi_); });
  }

  Status write(std::span<const Pair> pairs) override {
    return in_transaction([&](MDB_txn* transaction) {
      int error = MDB_SUCCESS;
      for (std::size_t i = 0; i < pairs.size() && error == MDB_SUCCESS; ++i) {
        MDB_val key = value(pairs[i].key), data = value(pairs[i].value);
        error = mdb_put(transaction, dbi_, &key, &data, 0);
      }
      return error;
    });
  }
  std::unique_ptr<RivalReader> reader() override { return std::make_unique<LmdbReader>(env_, dbi_); }
  Status settle() override { return status_of(mdb_env_sync(env_, 1)); }

 private:
  template <typename Body>
  Status in_transaction(Body body) {
    MDB_txn* transaction = nullptr;
    MINIKV_TRY(status_of(mdb_txn_begin(env_, nullptr, 0, &transaction)));
    const int error = body(transaction);
    if (error == MDB_SUCCESS) return status_of(mdb_txn_commit(transaction));
    mdb_txn_abort(transaction);
    return status_of(error);
  }

  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
};

Result<std::unique_ptr<Rival>> open(const std::string& directory, Durability durability) {
  auto rival = std::make_unique<LmdbRival>();
  MINIKV_TRY(rival->open(directory, durability));
  return std::unique_ptr<Rival>(std::move(rival));
}

}  // namespace

RivalKind lmdb_rival() {
  return {"lmdb",
          fmt::format("{}.{}.{}, defaults; as it comes or with MDB_NOSYNC; has no checksums",
                      MDB_VERSION_MAJOR, MDB_VERSION_MINOR, MDB_VERSION_PATCH),
          open};
}

}  // namespace minikv::bench
