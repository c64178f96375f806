// EXEC: the commands of a transaction as one task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocol/reply_buffer.h"
#include "protocol/reply_encoder.h"
#include "server/request/connection.h"
#include "server/request/multi.h"
#include "server/request/state.h"
#include "server/request/task.h"
#include "server/request/watched_keys.h"

namespace minikv::server {

// The writer executes the commands one after the other as one batch: all of it is on disk and visible, or
// none of it. A command that fails when it is executed is answered with its error, and the others count all
// the same, as in Redis. If the batch can't be written, nothing counts.
//
// A command that is not about the store (HELLO, CLIENT SETNAME, CONFIG RESETSTAT) runs when the transaction
// is answered: on the event loop, behind all commands that are about the store. So it does not happen if the
// transaction does not.
//
// Thread safety: as Task.
class ExecTask final : public BatchTask {
 public:
  // `multi` has the commands and their arguments. `watch`: the keys that must not have changed, or null.
  ExecTask(std::unique_ptr<const Multi> multi, std::shared_ptr<Watch> watch, ServerState& server);

  // Runs the handlers of some more commands: the reply of a handler, or the task that it submits, becomes a
  // part of this task.
  bool build(Connection& connection) override;
  bool has_late_parts() const override { return has_late_parts_; }
  std::size_t overhead_bytes() const override;
  // Makes `task` the part of the command that is being built. To be called by build()'s handlers only, at
  // most once for each.
  void add_task(std::unique_ptr<Task> task);

  bool acts_when_answered() const override { return true; }
  std::span<OldValue> old_values() override { return old_values_; }
  void prepare(Preparation& preparation) override;
  std::uint64_t bytes_to_prepare() const override { return bytes_to_prepare_; }
  void perform(Transaction& transaction) override;
  Answered encode_some(protocol::ReplyEncoder& reply, const Reading& reading) override;
  bool reads_values() const override { return true; }
  std::uint64_t bytes_for_reader() const override;
  Answered refuse_next(protocol::ReplyEncoder& reply, const protocol::ErrorReply& error) override;

 private:
  static constexpr std::size_t kPartBytes = 768;  // a part, its task and what the task has allocated
  struct Part {
    protocol::ReplyBuffer reply;
    std::unique_ptr<Task> task;
    bool refused = false;         // there was no room left for it in the batch
    bool walked_too_far = false;  // its walk would have found more than was left (BoundedWalks)
    bool is_late = false;         // its command is run when it is answered
  };

  bool is_built() const { return built_ == multi_->size(); }
  void run_late(std::size_t i, protocol::ReplyEncoder& reply);

  std::unique_ptr<const Multi> multi_;
  ServerState& server_;
  Connection* connection_ = nullptr;  // null before build()
  WatchCheck watch_;
  std::vector<Part> parts_;
  std::vector<OldValue> old_values_;
  std::size_t built_ = 0;     // commands that have been built
  std::size_t answered_ = 0;  // parts that have been answered
  bool has_head_ = false;     // the head of the reply has been made
  bool has_late_parts_ = false;
  bool aborted_ = false;                             // a watched key has changed
  std::optional<protocol::ReplyFormat> format_now_;  // null until a late part changes the format
  std::uint64_t most_bytes_ = 0;
  std::uint64_t bytes_to_prepare_ = 0;
};

}  // namespace minikv::server
