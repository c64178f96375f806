// Parsing a connection's requests.
#include "server/net/request_reader.h"

#include <array>
#include <cassert>
#include <utility>

#include "minikv/store.h"
#include "protocol/peek.h"

namespace minikv::server {

void RequestReader::give_up(protocol::ErrorReply error) {
  parser_.give_up(std::move(error));
  is_giving_up_ = true;
  is_starved_ = false;
}

// Prefetches the keys of the next GETs of a pipeline, up to 16 at a time.
void RequestReader::prefetch_some() {
  std::array<std::string_view, 16> keys;
  const std::size_t count = protocol::peek_gets(input_.view(), keys);
  if (count < 2) return;
  store_.prefetch(std::span(keys).first(count));
  prefetched_ = count - 1;
}

void RequestReader::starve() {
  is_starved_ = true;
  if (std::exchange(is_giving_up_, false)) input_.drop_blocks();
  input_.release_if_empty();
}

RequestSummary RequestReader::summary() const {
  if (!has_blocks_ || !has_taken_blocks_) return RequestSummary(request());
  protocol::Request without_arguments;
  without_arguments.command = request().command;
  return RequestSummary(without_arguments);
}

void RequestReader::defer() {
  assert(!is_deferred_ && !has_taken_blocks_);
  is_deferred_ = true;
}

void RequestReader::take_deferred() {
  assert(is_deferred_);
  is_deferred_ = false;
}

void RequestReader::let_go_of_blocks() {
  if (!has_taken_blocks_) input_.drop_blocks();
  has_blocks_ = false;
  parser_.forget_request();
}

}  // namespace minikv::server
