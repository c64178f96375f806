// The first lesson: open a store, write, read, walk over keys, change several at once, and close.
#include <iostream>
#include <string>

#include <minikv/store.h>

#include "lesson.h"

using lesson::check;
using lesson::must;

namespace {

void values(minikv::Store& store) {
  // A write returns when it is on disk, with the version of the value: a number that is never assigned twice.
  const std::uint64_t first = must(store.set("name", "Alice"), "set");
  const std::uint64_t second = must(store.set("name", "Bob"), "set");
  check(second > first, "versions grow");

  const minikv::Value name = must(store.get("name"), "get");
  std::cout << "name = " << name.data << ", version " << name.version << '\n';
  check(name.data == "Bob" && name.version == second, "a read sees the newest value");

  // Keys and values are arbitrary bytes; the store gives none of them a meaning.
  const std::string bytes("\0\r\n\xff", 4);
  must(store.set(bytes, bytes), "set");
  check(must(store.get(bytes), "get").data == bytes, "bytes come back as they went in");

  check(must(store.remove("name"), "remove"), "remove says that there was one");
  const auto gone = store.get("name");
  check(gone.code() == minikv::StatusCode::kNotFound, "a removed key is not found");
  std::cout << "name was removed: \"" << gone.status().message() << "\"\n";
}

void batches_and_walks(minikv::Store& store) {
  // A batch is atomic: all of it happens or none of it, even if the power fails in the middle.
  minikv::WriteBatch batch;
  for (const char* fruit : {"pear", "apple", "fig", "plum"})
    batch.set(std::string("fruit:") + fruit, "fresh");
  batch.remove("fruit:fig");
  must(store.write(batch), "write");

  // A scan returns keys in byte order, a page at a time.
  minikv::ScanOptions options;
  options.prefix = "fruit:";
  options.limit = 2;
  std::string walked;
  for (bool more = true; more;) {
    const minikv::ScanPage page = store.scan(options);
    for (const minikv::ScanItem& item : page.items) {
      must(item.status, "the value of " + item.key);
      walked += item.key + ' ';
    }
    more = page.more;
    if (more) options.after = page.items.back().key;
  }
  std::cout << "a walk in pages of two: " << walked << '\n';
  check(walked == "fruit:apple fruit:pear fruit:plum ", "a walk gives every key once, in order");
}

void read_modify_write(minikv::Store& store) {
  // The body of transact() runs in isolation, between all other writes. A value that it puts must outlive
  // the body, so `text` is declared outside.
  std::string text;
  const auto add_one = [&text](minikv::Transaction& transaction) {
    const auto value = transaction.get("visits");
    text = std::to_string(value ? std::stoi(value->data) + 1 : 1);
    transaction.put("visits", text);
  };
  for (int i = 0; i < 3; ++i) must(store.transact(add_one), "transact");
  std::cout << "visits = " << must(store.get("visits"), "get").data << '\n';
  check(must(store.get("visits"), "get").data == "3", "no increment is lost");
}

void expiry(minikv::Store& store) {
  // Expiry is a point in the store's own time, which never steps back.
  const std::int64_t now = store.now_ms();
  must(store.set("session", "open", now + 3'600'000), "set");
  must(store.set("coupon", "stale", now - 1), "set");
  check(store.exists("session"), "a key lives until its time has come");
  check(!store.exists("coupon"), "and not longer");
}

}  // namespace

int main() {
  return lesson::run([] {
    const lesson::TemporaryDirectory directory;
    minikv::Options options;
    options.segment_size = minikv::kMiB;  // small files, for a small lesson
    const auto store = must(minikv::Store::open(directory.path(), options), "open");
    values(*store);
    batches_and_walks(*store);
    read_modify_write(*store);
    expiry(*store);
    // The destructor closes too, but it cannot report an error.
    must(store->close(), "close");
  });
}
