// A command that is answered from the values of some keys, if these can't be had at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "minikv/key_lookup.h"
#include "minikv/store.h"
#include "protocol/reply_encoder.h"
#include "server/request/state.h"
#include "server/request/task.h"

namespace minikv::server {

using Handles = std::vector<std::optional<ValueHandle>>;

// How a value stands in a reply.
enum class ValueForm : std::uint8_t {
  kValue,        // by itself
  kEach,         // as one of several
  kWithVersion,  // RESP: an array of value and version
};

// Appends the value to the reply. The value is read straight to its place there, so that the bytes that are
// sent are those that were checked. An error takes the place of a value that can't be read, and the reply for
// no value that of an absent key. False, and nothing appended: the value is not in memory, or too large to be
// read at once.
bool append_value(protocol::ReplyEncoder& reply, const Store& store, std::string_view key,
                  const std::optional<ValueHandle>& handle, ValueForm form, const Reading& reading);

// Counts for INFO whether a key that was asked for was there.
inline void count_lookup(ServerState& server, bool is_there) {
  (is_there ? server.counters.hits : server.counters.misses).add();
}

// Whether a reader looks so many keys up, and not a thread that others wait for.
inline bool are_many(std::size_t keys) { return keys > Store::kMaxKeysAtOnce; }

// Looks the keys up on the writer, behind the writes before the command, unless it has their handles. If the
// keys are many, a reader does most of that before, or all of it if there are no such writes.
// Thread safety: as Task.
class KeysTask : public Task {
 public:
  // `keys` are kept in `memory`. `handles`: of the keys, or empty if they are still to be looked up.
  KeysTask(ArgumentArena memory, std::vector<std::string_view> keys, Handles handles, ServerState& server);

  void prepare(Preparation& preparation) override { preparation.look_up(*lookup_); }
  std::uint64_t bytes_to_prepare() const override {
    return lookup_ ? KeyLookup::memory_for(keys_.size()) : 0;
  }
  Status look_up(const Store& store, const std::function<bool()>& is_unwanted) override {
    return store.look_up(*lookup_, is_unwanted);
  }

 protected:
  void perform(Transaction& transaction) override;
  // The result of the look-up if the keys are many; null otherwise, and the handles are known.
  const KeyLookup* lookup() const { return lookup_ ? &*lookup_ : nullptr; }
  std::optional<ValueHandle> handle_of(std::size_t key) const {
    return lookup_ ? lookup_->handle(key) : handles_[key];
  }
  // Releases the segment of the key's value, if this object has its handle.
  void forget_handle(std::size_t key) {
    if (!lookup_) handles_[key].reset();
  }
  std::span<const std::string_view> keys() const { return keys_; }
  std::span<std::optional<ValueHandle>> handles() { return handles_; }
  std::span<const std::optional<ValueHandle>> handles() const { return handles_; }
  ServerState& server() const { return server_; }

 private:
  std::vector<std::string_view> keys_;
  Handles handles_;
  std::optional<KeyLookup> lookup_;
  ServerState& server_;
};

// Answers with the values, one behind the other.
// Thread safety: as Task.
class ValuesTask final : public KeysTask {
 public:
  ValuesTask(ArgumentArena memory, std::vector<std::string_view> keys, Handles handles, ServerState& server,
             ValueForm form)
      : KeysTask(std::move(memory), std::move(keys), std::move(handles), server), form_(form) {}

  Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) override;
  bool reads_values() const override { return true; }
  std::uint64_t bytes_for_reader() const override;
  Answered refuse_next(protocol::ReplyEncoder& reply, const protocol::ErrorReply& error) override;

 private:
  const ValueForm form_;
  std::size_t next_ = 0;  // the first value that is not in the reply yet
  bool has_head_ = false;
};

}  // namespace minikv::server
