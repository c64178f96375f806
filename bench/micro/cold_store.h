// A store whose values can be put out of memory, and which knows of each whether it is.
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

// Hands out keys whose values are on the disk and not in memory, each once before it puts all values out of
// memory again. Neighbours share a page, so only every third key is used.
class ColdStore {
 public:
  static constexpr std::size_t kColdValueBytes = 4000;

  // A twentieth of Settings::keys keys.
  static Result<std::unique_ptr<ColdStore>> make();

  const Store& store() const { return *store_; }
  // A key whose value is surely not in memory. An error where the file system does not forget.
  Result<const Key*> next();
  // Whether the value of the key that next() has just handed out is in memory.
  bool is_in_memory() const;

 private:
  struct Record {  // where a key's record is
    std::size_t file = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };

  Status fill_and_close();
  Status find_records();
  // Closes the store, so that nobody has its pages mapped, drops them, and opens it again.
  Status cool();
  bool is_in_memory(const Record& record) const;

  ScratchDirectory directory_;
  std::unique_ptr<Store> store_;
  std::vector<std::string> files_;
  std::vector<PageWatch> watches_;
  std::vector<Key> keys_;  // the usable ones, in random order
  std::vector<Record> records_;
  std::size_t next_ = 0;
  std::size_t handed_out_ = 0;  // since the values were last put out of memory
};

}  // namespace minikv::bench
