// What a command sees of the connection that it came on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/request/aside.h"
#include "server/request/client_figures.h"
#include "server/request/task.h"

namespace minikv::server {

class Multi;
class Watch;

// What the client has told about itself, and what it was told.
struct ClientState {
  ClientState();
  ~ClientState();

  // To be called while none is open.
  void open_transaction(protocol::Dialect dialect);
  // To be called when something was added to the one that is open.
  void transaction_has_grown() const;
  // Takes out what was queued; null if none is open.
  std::unique_ptr<Multi> end_transaction();
  void forget_watch();

  std::uint64_t id = 0;
  bool resp3 = false;
  // kNotThis: while the request runs that is not answered.
  enum class Replies : std::uint8_t { kAll, kNone, kNotTheNext, kNotThis };
  Replies replies = Replies::kAll;  // which are sent
  bool authenticated = true;        // or it need not be
  std::string address;
  std::string local_address;
  std::string name;
  std::string library_name;
  std::string library_version;
  std::unique_ptr<Multi> multi;    // the transaction that is open, if one is
  std::shared_ptr<Watch> watch;    // what its next transaction depends on, if it does
  bool watch_was_refused = false;  // keys that it should depend on are not watched: it is not to be executed
  const std::shared_ptr<ClientFigures> figures = std::make_shared<ClientFigures>();  // never null
};

class Connection;

// A task that is made of many commands, some of them at a time, before it can be submitted: EXEC's.
// Thread safety: as Task.
class BatchTask : public Task {
 public:
  using Task::Task;

  // Makes some more commands a part of the task. True: those were all, and it is not to be called again.
  // `connection` must live for as long as the task.
  virtual bool build(Connection& connection) = 0;
  // When all have been built: whether some of them change the connection when the task is answered.
  virtual bool has_late_parts() const = 0;
  // About what it takes of memory beside the arguments, in bytes; the same before and after it is built.
  virtual std::size_t overhead_bytes() const = 0;
};

// Thread safety: used on the event loop that owns the connection only.
class Connection {
 public:
  virtual ~Connection() = default;

  virtual ClientState& client() = 0;

  // Whether something of this connection is with the writer: a read that ran at once would overtake the
  // writes before it.
  virtual bool has_writes_in_flight() const = 0;
  // Whether all requests before this one have been answered.
  virtual bool is_quiet() const = 0;
  // Whether the command belongs to a transaction that is being executed: then it may only answer at once, or
  // submit one task; everything that looks at the store submits one.
  virtual bool in_transaction() const { return false; }
  // Hands a command to the writer; its reply takes its place in the order of the requests.
  virtual void submit(std::unique_ptr<Task> task) = 0;
  // The blocks that the request has been read into, if it has blocks of its own; none otherwise. At most once
  // for each request.
  virtual std::vector<Block> take_blocks() = 0;
  // Carries a transaction out: has it built, some commands a turn, and then hands it to the writer as one
  // task.
  virtual void execute(std::unique_ptr<BatchTask> batch) = 0;
  // Where the arguments of the request can be kept for its task. At most once for each request.
  virtual ArgumentArena memory_for(std::span<const protocol::Arg> args) {
    ArgumentArena memory(take_blocks());
    std::size_t bytes = 0;
    for (const protocol::Arg& arg : args) bytes += memory.has(arg.bytes) ? 0 : arg.bytes.size();
    memory.make_room(bytes);
    return memory;
  }
  // Has a reader find out what the task answers from (Task::look_up()), without the writer: for questions
  // about so many keys that the event loop must not ask them. Nothing behind the request is looked at before.
  // To be called while !has_writes_in_flight() only.
  virtual void look_up(std::unique_ptr<Task> task) = 0;
  // Answers with what the task makes of values whose places are known already, whatever requests behind it
  // change: at once, or by a reader, which may wait for the disk. Requests behind it go on meanwhile.
  virtual void load(std::unique_ptr<Task> task) = 0;
  // Whether the client takes its replies: otherwise what is long is better made when there is room for it
  // (load()).
  virtual bool takes_replies() const = 0;
  // Takes memory for what the request makes the server hold beyond its arguments, until it has been carried
  // out; what stays (in a transaction, say) is the connection's to count. False: there is none, and it has to
  // be refused.
  virtual bool reserve(std::uint64_t bytes) = 0;
  // Runs the same request again when the connection is quiet; nothing behind it is looked at before. To be
  // called while !is_quiet() only, by the dispatcher (kFlagWhenQuiet), or by a handler that does nothing
  // else.
  virtual void defer() = 0;
  // Has the reply made on a worker's thread, slice by slice. Nothing behind the request is looked at before.
  // To be called while is_quiet() only.
  // `kLong`: for what may take minutes, so that others do not wait for it; it has no time limit.
  enum class HowLong : bool { kShort, kLong };
  virtual void run_in_slices(AsideSlice slice, HowLong how_long) = 0;
  void run_in_slices(AsideSlice slice) { run_in_slices(std::move(slice), HowLong::kShort); }
  // The same for work that is one slice.
  void run_on_worker(AsideWork work, HowLong how_long = HowLong::kShort) {
    run_in_slices(
        [work = std::move(work)](protocol::ReplyEncoder& reply, Aside& aside) {
          work(reply, aside);
          return true;
        },
        how_long);
  }
  // Looks at no further request before the task that was submitted last is answered, since that may change
  // how they are understood.
  virtual void hold_requests() = 0;
  // The client has said who it is; or, false, it is to say so again.
  virtual void set_authenticated(bool is_authenticated) = 0;
  // Looks at no further request, and closes once all replies are sent.
  virtual void close_when_answered() = 0;
};

}  // namespace minikv::server
