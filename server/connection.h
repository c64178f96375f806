// What a command sees of the connection that it came on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "protocol/reply_encoder.h"
#include "server/task.h"

namespace minikv::server {

class Multi;
class Watch;

// What the client has told about itself, and what it was told.
struct ClientState {
  ClientState();
  ~ClientState();

  std::uint64_t id = 0;
  bool resp3 = false;
  enum class Replies : std::uint8_t { kAll, kNone, kNotTheNext };
  Replies replies = Replies::kAll;  // which are sent
  bool authenticated = true;        // or nobody asks
  std::string address;
  std::string name;
  std::string library_name;
  std::string library_version;
  std::unique_ptr<Multi> multi;  // the transaction that is open, if one is
  std::shared_ptr<Watch> watch;  // what its next transaction depends on, if it does
};

// Thread safety: used on the event loop that owns the connection only.
class Connection {
 public:
  virtual ~Connection() = default;

  virtual ClientState& client() = 0;

  // Whether something of this connection is with the writer: a read that ran at once would overtake the writes before it.
  virtual bool has_writes_in_flight() const = 0;
  // Whether all requests before this one have been answered.
  virtual bool is_quiet() const = 0;
  // Whether the command belongs to a transaction that is being executed: then it may only answer at once, or submit one
  // task; everything that looks at the store submits one.
  virtual bool in_transaction() const { return false; }
  // Hands a command to the writer; its reply takes its place in the order of the requests.
  virtual void submit(std::unique_ptr<Task> task) = 0;
  // Has a reader load what the task is answered with, for which it needs the disk but not the writer. Requests behind it
  // go on meanwhile: what the task has found already must be what it is answered with, whatever they change.
  virtual void load(std::unique_ptr<Task> task) = 0;
  // Runs the same request again when the connection is quiet; nothing behind it is looked at before. To be called
  // while !is_quiet() only, by a handler that does nothing else.
  virtual void defer() = 0;
  // Runs `work` on a thread of its own and answers with what the function that it returns encodes (on the event loop).
  // Nothing behind the request is looked at before. To be called while is_quiet() only.
  using Encode = std::function<void(protocol::ReplyEncoder&)>;
  // `kLong`: for what may take minutes, so that others do not wait for it.
  enum class Aside : bool { kShort, kLong };
  virtual void run_aside(std::function<Encode()> work, Aside how_long) = 0;
  void run_aside(std::function<Encode()> work) { run_aside(std::move(work), Aside::kShort); }
  // The client has said who it is.
  virtual void set_authenticated() = 0;
  // Looks at no further request, and closes once all replies are sent.
  virtual void close_when_answered() = 0;
};

}  // namespace minikv::server
