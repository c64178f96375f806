// A command that is answered from the values of some keys, when they are not to be had at once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "minikv/store.h"
#include "server/task.h"

namespace minikv::server {

// Looks the keys up on the writer, behind the writes before the command, unless it is told where the values are; and
// has them read by a reader, if they are not in memory. How it is answered is the business of who derives from it.
//
// Thread safety: as Task.
class ValuesTask : public Task {
 public:
  using Places = std::vector<std::optional<ValueHandle>>;

  // `keys` are kept in `memory`. `places`: of the keys, or empty if they are still to be looked up.
  ValuesTask(Memory memory, std::vector<std::string_view> keys, Places places, const Store& store);

  bool try_load() override;
  void load() override;
  std::uint64_t loading_bytes() const override;

 protected:
  void perform(Transaction& transaction) override;
  std::span<Result<Value>> found() { return found_; }

 private:
  std::vector<std::string_view> keys_;
  Places places_;
  std::vector<Result<Value>> found_;  // of the first keys, or all
  const Store& store_;
};

// Reads into `found` until it has all values, or comes to one that is not in memory, or has done enough for a thread
// that has others to serve: then it answers false.
bool try_read_places(const Store& store, std::span<const std::string_view> keys,
                     const ValuesTask::Places& places, std::vector<Result<Value>>& found);

}  // namespace minikv::server
