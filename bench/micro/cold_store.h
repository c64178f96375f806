// A store that can drop its values from memory, and can tell whether a value is in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/support/page_cache.h"
#include "bench/support/scratch.h"
#include "bench/support/workload.h"
#include "minikv/store.h"

namespace minikv::bench {

// Hands out keys of cold values, which are on the disk and not in memory. After each key has been used once,
// the store drops all values from memory again. Neighbours share a page, so only every third key is used.
class ColdStore {
 public:
  static constexpr std::size_t kColdValueBytes = 4000;

  // A twentieth of Settings::keys keys.
  static Result<std::unique_ptr<ColdStore>> make();

  const Store& store() const { return *store_; }
  // A key of a value that is surely not in memory. An error if the file system does not drop pages.
  Result<const Key*> next();
  // Whether the value of the last key that next() returned is in memory.
  bool is_in_memory() const;

 private:
  struct Record {  // the location of a key's record
    std::size_t file = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };

  Status fill_and_close();
  Status find_records();
  // Closes the store, drops its pages, and opens it again: the kernel keeps pages that are mapped.
  Status cool();
  bool is_in_memory(const Record& record) const;

  ScratchDirectory directory_;
  std::unique_ptr<Store> store_;
  std::vector<std::string> files_;
  std::vector<PageWatch> watches_;
  std::vector<Key> keys_;  // the usable ones, in random order
  std::vector<Record> records_;
  std::size_t next_ = 0;
  std::size_t handed_out_ = 0;  // since the last cool()
};

}  // namespace minikv::bench
