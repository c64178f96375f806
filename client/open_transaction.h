// A transaction in which the client itself has refused a line.
#pragma once

#include "client/lib/reply.h"
#include "client/lib/request.h"
#include "client/presentation.h"

namespace minikv::client {

// The server does not see a line that the client refuses, and would carry the transaction out without it. So
// the client sends `discard` for the `exec` of such a transaction, and shows an error.
class OpenTransaction {
 public:
  // To be called when the client refuses a line.
  void refuse() { is_spoiled_ = is_open_; }
  // To be called when the connection is a new one.
  void forget() { is_open_ = is_spoiled_ = false; }
  // To be called with each request before it is sent. True if it was an `exec` that may not be.
  bool replace(Request& request);

 private:
  bool is_open_ = false;
  bool is_spoiled_ = false;
};

// How the reply to the `discard` in place of an `exec` is shown.
Presentation present_aborted(const Request& request, const Reply& reply, Style style);

}  // namespace minikv::client
