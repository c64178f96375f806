// What a client has sent, request by request.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/parse_result.h"
#include "protocol/parser.h"
#include "server/memory/request_memory.h"
#include "server/net/request_input.h"
#include "server/request/slow_log.h"

namespace minikv {
class Store;
}

namespace minikv::server {

// A parser, and the input that it reads in place. One class has both, because the input grows as the parser
// needs it; the transport only fills the room that it is given.
//
// Thread safety: used on the event loop of its session.
class RequestReader {
 public:
  // `store` prefetches the keys that a pipeline is about to ask for. `store` and `pool` must outlive this
  // object.
  RequestReader(BlockPool& pool, const protocol::ParserLimits& limits, const Store& store)
      : input_(pool), parser_(limits), store_(store) {}

  // ---- input ----

  // Whether next() needs more input than there is.
  bool is_starved() const { return is_starved_; }
  // How many bytes of memory room() will take beyond the first block; 0 while there is room to read.
  std::size_t grows_by() const { return input_.grows_by(parser_); }
  // Returns room to read into, never none. Throws std::bad_alloc: the request that is arriving then has to be
  // given up.
  std::span<char> room() { return input_.prepare(parser_); }
  // `bytes` have been read into the room, at least one.
  void commit(std::size_t bytes) {
    input_.commit(bytes);
    is_starved_ = false;
  }
  // Gives back the input's block if nothing is in it.
  void release_if_empty() { input_.release_if_empty(); }
  // Drops what has come of the request under way, and its rest as it comes; next() answers it with `error`.
  void give_up(protocol::ErrorReply error);
  // Whether a request is on its way that is not whole yet.
  bool is_busy() const { return parser_.is_busy(); }
  // Whether the request that is arriving, or that runs, is in blocks of its own.
  bool has_own_blocks() const { return input_.has_own_blocks(); }

  std::size_t input_bytes() const { return input_.size(); }  // that have not been used up
  std::size_t free_bytes() const { return input_.free_bytes(); }
  std::size_t memory() const { return input_.memory() + parser_.memory(); }

  // ---- requests ----

  // To be called while !is_starved() only, after finish() for the request before, and never after kClose.
  // After kRequest there is a request(), which has to be run.
  protocol::ParseResult next() {
    assert(!is_starved_ && !is_deferred_ && !has_blocks_);
    prefetch();
    protocol::ParseResult result = parser_.next(input_.view());
    input_.consume(result.consumed);
    if (result.outcome == protocol::ParseOutcome::kRequest) {
      has_blocks_ = input_.has_own_blocks();
      has_taken_blocks_ = false;
    } else if (result.outcome == protocol::ParseOutcome::kNeedMore) {
      starve();
    }
    return result;
  }
  // Valid until the next call of next() or finish(). Arguments in blocks that were taken live only as long as
  // those blocks.
  const protocol::Request& request() const { return parser_.request(); }
  // The slow log's summary of the request when it has been run; without its arguments if their blocks were
  // taken.
  RequestSummary summary() const;
  // Takes the request's own blocks; returns none if it has none. To be called at most once for each request.
  std::vector<Block> take_blocks() {
    assert(!has_taken_blocks_);
    has_taken_blocks_ = true;
    return has_blocks_ ? input_.take_blocks() : std::vector<Block>();
  }
  // The request is to be run again: is_deferred() holds until take_deferred().
  void defer();
  bool is_deferred() const { return is_deferred_; }
  void take_deferred();
  // The request has been run, and is not run again unless it is deferred.
  void finish() {
    if (has_blocks_ && !is_deferred_) let_go_of_blocks();
  }

  // Takes effect from the next request on.
  void set_limits(const protocol::ParserLimits& limits) { parser_.set_limits(limits); }

 private:
  void prefetch() {
    if (prefetched_ > 0) {
      --prefetched_;
    } else {
      prefetch_some();
    }
  }
  void prefetch_some();
  void starve();
  void let_go_of_blocks();

  RequestInput input_;
  protocol::RequestParser parser_;
  const Store& store_;
  bool is_starved_ = true;
  bool is_giving_up_ = false;      // the request that is arriving
  bool is_deferred_ = false;       // the parser's request
  bool has_blocks_ = false;        // the parser's request has blocks of its own
  bool has_taken_blocks_ = false;  // take_blocks() has been called for it
  std::size_t prefetched_ = 0;     // requests with keys that have been prefetched
};

}  // namespace minikv::server
