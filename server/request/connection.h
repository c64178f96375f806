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

// What the server keeps of a client: its names, protocol and rights, its open transaction, and its watch.
struct ClientState {
  ClientState();
  ~ClientState();

  // To be called while no transaction is open.
  void open_transaction(protocol::Dialect dialect);
  // To be called when a request was added to the open transaction.
  void transaction_has_grown() const;
  // Ends the open transaction, and returns its requests; null if none is open.
  std::unique_ptr<Multi> end_transaction();
  void forget_watch();

  std::uint64_t id = 0;
  bool resp3 = false;
  // kNotThis: while the request that is not answered runs.
  enum class Replies : std::uint8_t { kAll, kNone, kNotTheNext, kNotThis };
  Replies replies = Replies::kAll;  // which are sent
  bool authenticated = true;        // or it need not be
  std::string address;
  std::string local_address;
  std::string name;
  std::string library_name;
  std::string library_version;
  std::unique_ptr<Multi> multi;    // the open transaction; null: none
  std::shared_ptr<Watch> watch;    // the keys that its next transaction depends on; null: none
  bool watch_was_refused = false;  // some keys are not watched: its next transaction is not to be executed
  const std::shared_ptr<ClientFigures> figures = std::make_shared<ClientFigures>();  // never null
};

class Connection;

// A task that is made of many commands: EXEC's. The connection has some commands at a time built, before it
// submits the task.
// Thread safety: as Task.
class BatchTask : public Task {
 public:
  using Task::Task;

  // Makes some more commands a part of the task. True: all commands are built, and build() is not to be
  // called again. `connection` must live for as long as the task.
  virtual bool build(Connection& connection) = 0;
  // To be asked when all commands have been built: whether some of them change the connection when the task
  // is answered.
  virtual bool has_late_parts() const = 0;
  // About the memory that the task takes beside the arguments, in bytes; the same before and after it is
  // built.
  virtual std::size_t overhead_bytes() const = 0;
};

// Thread safety: used on the event loop that owns the connection only.
class Connection {
 public:
  virtual ~Connection() = default;

  virtual ClientState& client() = 0;

  // Whether tasks of this connection, reads among them, are for the writer and not yet back from it: a read
  // that ran at once would overtake the writes before it.
  virtual bool has_writes_in_flight() const = 0;
  // Whether all requests before this one have been answered.
  virtual bool is_quiet() const = 0;
  // Whether the command belongs to a transaction that is being executed. The handler may then only answer at
  // once, or submit one task; a handler that looks at the store submits one.
  virtual bool in_transaction() const { return false; }
  // Hands a command to the writer; its reply takes its place in the order of the requests.
  virtual void submit(std::unique_ptr<Task> task) = 0;
  // Takes the blocks that the request has been read into, if it has blocks of its own; returns none
  // otherwise. To be called at most once for each request.
  virtual std::vector<Block> take_blocks() = 0;
  // Carries out a transaction: has some commands built each turn, and then hands the batch to the writer as
  // one task.
  virtual void execute(std::unique_ptr<BatchTask> batch) = 0;
  // An argument arena for the arguments of the request. To be called at most once for each request.
  virtual ArgumentArena memory_for(std::span<const protocol::Arg> args) {
    ArgumentArena memory(take_blocks());
    std::size_t bytes = 0;
    for (const protocol::Arg& arg : args) bytes += memory.has(arg.bytes) ? 0 : arg.bytes.size();
    memory.make_room(bytes);
    return memory;
  }
  // Has a reader call Task::look_up(), without the writer: for questions about so many keys that the event
  // loop must not ask them. The connection looks at no request behind this one before that is done. To be
  // called while !has_writes_in_flight() only.
  virtual void look_up(std::unique_ptr<Task> task) = 0;
  // Answers by a task that has the handles of its values already, so that requests behind it can't change the
  // reply. The reply is made at once, or by a reader, which may wait for the disk. Requests behind it go on
  // meanwhile.
  virtual void load(std::unique_ptr<Task> task) = 0;
  // Whether the client takes its replies. If not, a long reply is better made when there is room for it
  // (load()).
  virtual bool takes_replies() const = 0;
  // Takes memory for what the request makes the server hold beyond its arguments, until it has been carried
  // out. The connection counts what stays longer (in a transaction, say). False: there is no memory, and the
  // request has to be refused.
  virtual bool reserve(std::uint64_t bytes) = 0;
  // Runs the same request again when the connection is quiet, before any request behind it. To be called
  // while !is_quiet() only, by the dispatcher (kFlagWhenQuiet), or by a handler that does nothing else.
  virtual void defer() = 0;
  // Has a worker's thread make the reply, slice by slice. The connection looks at no request behind this one
  // before that is done. To be called while is_quiet() only.
  // `kLong`: for work that may take minutes; other work does not wait for it, and it has no time limit.
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
  // Looks at no further request before the task that was submitted last is answered: its answer may change
  // how they are understood.
  virtual void hold_requests() = 0;
  // Marks the client as authenticated; or, with false, as a client that has to authenticate again.
  virtual void set_authenticated(bool is_authenticated) = 0;
  // Looks at no further request, and closes once all replies are sent.
  virtual void close_when_answered() = 0;
};

}  // namespace minikv::server
