// minikv with its defaults.
#include <algorithm>

#include "bench/embedded/rival.h"
#include "minikv/store.h"

namespace minikv::bench {
namespace {

class MinikvReader final : public RivalReader {
 public:
  explicit MinikvReader(const Store& store) : store_(store) {}

  Status get(std::string_view key, std::string& value) override {
    Result<Value> found = store_.get(key);
    if (found) value = std::move(found->data);
    return found.status();
  }

  Status scan(std::string_view from, std::size_t limit, const Visit& visit) override {
    ScanOptions options;
    options.from = from;
    for (bool more = true; more && limit > 0;) {
      options.limit = std::min<std::size_t>(limit, kPage);
      const ScanPage page = store_.scan(options);
      for (const ScanItem& item : page.items) {
        MINIKV_TRY(item.status);
        visit(item.key, item.value.data);
      }
      limit -= page.items.size();
      more = page.more;
      if (more) options.after = page.items.back().key;
    }
    return Status::ok();
  }

 private:
  static constexpr std::size_t kPage = 1000;
  const Store& store_;
};

class MinikvRival final : public Rival {
 public:
  explicit MinikvRival(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  Status write(std::span<const Pair> pairs) override {
    if (pairs.size() == 1) return store_->set(pairs[0].key, pairs[0].value).status();
    WriteBatch batch;
    for (const Pair& pair : pairs) batch.set(pair.key, pair.value);
    return store_->write(batch);
  }
  std::unique_ptr<RivalReader> reader() override { return std::make_unique<MinikvReader>(*store_); }
  Status settle() override { return Status::ok(); }  // minikv defers no work that slows reads

 private:
  std::unique_ptr<Store> store_;
};

Result<std::unique_ptr<Rival>> open(const std::string& directory, Durability durability) {
  Options options;
  options.fsync = durability == Durability::kSynced ? Fsync::kAlways : Fsync::kNever;
  auto opened = Store::open(directory, options);
  if (!opened) return opened.status();
  return std::unique_ptr<Rival>(std::make_unique<MinikvRival>(std::move(*opened)));
}

}  // namespace

RivalKind minikv_rival() {
  return {"minikv", MINIKV_VERSION ", defaults; fsync always or never; values are checked at every read",
          open};
}

}  // namespace minikv::bench
