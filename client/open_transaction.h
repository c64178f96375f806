// A transaction in which the client itself has refused a line.
#pragma once

#include "client/lib/reply.h"
#include "client/lib/request.h"
#include "client/presentation.h"

namespace minikv::client {

// The server does not see what the client refuses, and would carry the transaction out without it. So the
// `exec` of such a transaction is sent as `discard`, and told as an error.
class OpenTransaction {
 public:
  // A line was refused here.
  void refuse() { is_spoiled_ = is_open_; }
  // The connection is a new one.
  void forget() { is_open_ = is_spoiled_ = false; }
  // To be called with each request before it is sent. True if it was an `exec` that may not be.
  bool replace(Request& request);

 private:
  bool is_open_ = false;
  bool is_spoiled_ = false;
};

// What the reply to the `discard` in place of an `exec` is shown as.
Presentation present_aborted(const Request& request, const Reply& reply, Style style);

}  // namespace minikv::client
