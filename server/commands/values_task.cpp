// Appends values until a part of the reply is full, or until one of them is not in memory.
#include "server/commands/values_task.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "server/request/errors.h"

namespace minikv::server {

using protocol::ReplyEncoder;

bool append_value(ReplyEncoder& reply, const Store& store, std::string_view key,
                  const std::optional<ValueHandle>& handle, ValueForm form, const Reading& reading) {
  if (!handle) {
    reply.not_found();
    return true;
  }
  const std::size_t bytes = handle->value_bytes();
  if (!reading.may_wait && bytes > Store::kMaxValueAtOnceBytes) return false;
  const protocol::ReplyBuffer::Mark before = reply.mark();
  if (form == ValueForm::kWithVersion) reply.array(2);
  const std::span<char> room = form == ValueForm::kWithVersion
                                   ? reply.bulk_to_fill(bytes)
                                   : reply.value_to_fill(bytes, handle->version());
  const std::optional<Status> read = reading.may_wait
                                         ? store.read_into(key, *handle, room, reading.is_unwanted)
                                         : store.try_read_into(key, *handle, room);
  if (!read || !*read) {
    reply.rewind(before);
    if (read) reply.error(error_from(*read));
    return read.has_value();
  }
  if (form == ValueForm::kWithVersion) reply.integer(static_cast<std::int64_t>(handle->version()));
  return true;
}

KeysTask::KeysTask(ArgumentArena memory, std::vector<std::string_view> keys, Handles handles,
                   ServerState& server)
    : Task(std::move(memory)), keys_(std::move(keys)), handles_(std::move(handles)), server_(server) {
  if (!handles_.empty() || !are_many(keys_.size())) return;
  lookup_.emplace(keys_);
  set_wants_preparation();
}

void KeysTask::perform(Transaction& transaction) {
  if (lookup_) return transaction.look_up(*lookup_);
  handles_.reserve(keys_.size());
  for (const std::string_view key : keys_) handles_.push_back(transaction.locate(key));
}

Answered ValuesTask::encode_some(ReplyEncoder& reply, const Reading& reading) {
  if (!std::exchange(has_head_, true) && form_ == ValueForm::kEach) reply.multi(keys().size());
  const std::size_t before = reply.bytes();
  const std::size_t last = std::min(next_ + kMaxValuesAtOnce, keys().size());
  for (; next_ < last; ++next_) {
    const std::optional<ValueHandle> handle = handle_of(next_);
    const std::size_t bytes = reply.bytes() - before;
    if (bytes > 0 && bytes + (handle ? handle->value_bytes() : 0) > kMaxBytesAtOnce) return Answered::kInPart;
    if (!append_value(reply, server().store, keys()[next_], handle, form_, reading))
      return Answered::kWantsDisk;
    count_lookup(server(), handle.has_value());
    forget_handle(next_);
  }
  return next_ == keys().size() ? Answered::kWhole : Answered::kInPart;
}

std::uint64_t ValuesTask::bytes_for_reader() const {
  std::uint64_t bytes = 0;
  for (std::size_t i = next_; i < keys().size() && bytes < kMaxBytesAtOnce; ++i) {
    const std::optional<ValueHandle> handle = handle_of(i);
    bytes += kReplyOverheadBytes + (handle ? handle->value_bytes() : 0);
  }
  return bytes;
}

Answered ValuesTask::refuse_next(ReplyEncoder& reply, const protocol::ErrorReply& error) {
  if (next_ < keys().size()) reply.error(error);
  ++next_;
  return next_ >= keys().size() ? Answered::kWhole : Answered::kInPart;
}

}  // namespace minikv::server
