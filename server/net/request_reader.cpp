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

// Of a pipeline of GETs the look-ups are prepared a dozen at a time.
void RequestReader::prefetch() {
  if (prefetched_ > 0) {
    --prefetched_;
    return;
  }
  std::array<std::string_view, 16> keys;
  const std::size_t count = protocol::peek_gets(input_.view(), keys);
  if (count < 2) return;
  store_.fetch_ahead(std::span(keys).first(count));
  prefetched_ = count - 1;
}

protocol::ParseResult RequestReader::next() {
  assert(!is_starved_ && !is_deferred_ && !has_blocks_);
  prefetch();
  protocol::ParseResult result = parser_.next(input_.view());
  input_.consume(result.consumed);
  if (result.outcome == protocol::ParseOutcome::kNeedMore) {
    is_starved_ = true;
    if (std::exchange(is_giving_up_, false)) input_.drop_blocks();
    input_.release_if_empty();
  } else if (result.outcome == protocol::ParseOutcome::kRequest) {
    has_blocks_ = input_.has_own_blocks();
    has_taken_blocks_ = false;
  }
  return result;
}

RequestSummary RequestReader::summary() const {
  if (!has_taken_blocks_) return RequestSummary(request());
  protocol::Request without_arguments;
  without_arguments.command = request().command;
  return RequestSummary(without_arguments);
}

std::vector<Block> RequestReader::take_blocks() {
  if (!has_blocks_ || std::exchange(has_taken_blocks_, true)) return {};
  return input_.take_blocks();
}

void RequestReader::defer() {
  assert(!is_deferred_ && !has_taken_blocks_);
  is_deferred_ = true;
}

void RequestReader::take_deferred() {
  assert(is_deferred_);
  is_deferred_ = false;
}

void RequestReader::finish() {
  if (is_deferred_ || !std::exchange(has_blocks_, false)) return;
  if (!has_taken_blocks_) input_.drop_blocks();
  parser_.forget_request();
}

}  // namespace minikv::server
