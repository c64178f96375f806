// Sends a discard in place of the exec of a transaction in which a line was refused.
#include "client/open_transaction.h"

namespace minikv::client {

bool OpenTransaction::replace(Request& request) {
  if (request.verb == "multi") is_open_ = true;
  if (request.verb != "exec" && request.verb != "discard") return false;
  const bool is_aborted = is_spoiled_ && request.verb == "exec";
  if (is_aborted) request.bytes = "discard\r\n";
  forget();
  return is_aborted;
}

Presentation present_aborted(const Request& request, const Reply& reply, Style style) {
  if (reply.kind != Reply::Kind::kOk) return present(request, reply, style);
  return {error_line("ABORTED", "the transaction was not executed, because a command in it was refused"),
          Verdict::kFailed, true};
}

}  // namespace minikv::client
