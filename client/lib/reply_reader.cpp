// A state machine over the lines of a reply: a step takes a head, a name, a body or an item of a list.
#include "client/lib/reply_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "client/lib/words.h"
#include "protocol/quoting.h"

namespace minikv::client {
namespace {

// Far above what a server sends: the limits end any other stream before it fills the memory.
constexpr std::size_t kMaxLineBytes = 8U << 20;
constexpr std::uint64_t kMaxBodyBytes = 1ULL << 32;
constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kShownBytes = 60;

// Takes everything up to the next space off the front.
std::string_view take_field(std::string_view& rest) {
  const std::size_t length = std::min(rest.find(' '), rest.size());
  const std::string_view field = rest.substr(0, length);
  rest.remove_prefix(std::min(length + 1, rest.size()));
  return field;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// "length version": what follows +VALUE and the name of a pair.
bool parse_length_and_version(std::string_view rest, std::size_t& length, std::uint64_t& version) {
  std::uint64_t bytes = 0;
  if (!parse_number(take_field(rest), bytes) || bytes > kMaxBodyBytes) return false;
  length = static_cast<std::size_t>(bytes);
  return parse_number(take_field(rest), version);
}

}  // namespace

void ReplyReader::feed(std::string_view bytes) {
  // Erasing the front moves the bytes behind it, so the reader waits until it drops at least as many as it
  // moves.
  if (at_ > buffer_.size() / 2) {
    buffer_.erase(0, at_);
    scanned_ -= std::min(at_, scanned_);
    at_ = 0;
  }
  buffer_.append(bytes);
}

ReplyReader::Outcome ReplyReader::next(Reply& reply) {
  if (!problem_.empty()) return Outcome::kMalformed;
  while (!finished_) {
    switch (step()) {
      case Step::kDone: break;
      case Step::kNeedMore: return Outcome::kNeedMore;
      case Step::kMalformed: return Outcome::kMalformed;
    }
  }
  reply = *std::exchange(finished_, std::nullopt);
  return Outcome::kReply;
}

ReplyReader::Step ReplyReader::step() {
  if (unfinished_.empty()) return read_head();
  switch (unfinished_.back().expect) {
    case Expect::kReplies: return read_head();
    case Expect::kNames: return read_name();
    case Expect::kLines: return read_text_line();
    case Expect::kPairs: return read_pair_head();
    case Expect::kPairBody:
    case Expect::kValueBody: return read_body();
  }
  return Step::kMalformed;
}

ReplyReader::Step ReplyReader::read_head() {
  const std::optional<std::string_view> line = take_line();
  if (!line) return problem_.empty() ? Step::kNeedMore : Step::kMalformed;
  if (line->starts_with('+')) return read_plus_line(*line);
  if (!line->starts_with('-')) return malformed(*line);

  std::string_view rest = line->substr(1);
  Reply reply{.kind = Reply::Kind::kError};
  reply.code = take_field(rest);
  reply.text = rest;
  return reply.code.empty() ? malformed(*line) : whole(std::move(reply));
}

ReplyReader::Step ReplyReader::read_plus_line(std::string_view line) {
  std::string_view rest = line.substr(1);
  const std::string_view word = take_field(rest);
  if (word == "OK") return whole({.kind = Reply::Kind::kOk, .text = std::string(rest)});
  if (word == "PONG") return whole({.kind = Reply::Kind::kPong});
  if (word == "QUEUED") return whole({.kind = Reply::Kind::kQueued});
  if (word == "INT") {
    Reply reply{.kind = Reply::Kind::kInteger};
    return parse_number(take_field(rest), reply.integer) ? whole(std::move(reply)) : malformed(line);
  }
  if (word == "VALUE") return read_value_head(rest);
  if (word == "LIST") return read_counted_head(Reply::Kind::kList, Expect::kNames, rest);
  if (word == "PAIRS") return read_counted_head(Reply::Kind::kPairs, Expect::kPairs, rest);
  if (word == "MULTI") return read_counted_head(Reply::Kind::kMulti, Expect::kReplies, rest);
  if (word == "TEXT") return read_counted_head(Reply::Kind::kText, Expect::kLines, rest);
  return whole({.kind = Reply::Kind::kOther, .text = std::string(line.substr(1))});
}

ReplyReader::Step ReplyReader::read_value_head(std::string_view rest) {
  Frame frame{.reply = {.kind = Reply::Kind::kValue}, .expect = Expect::kValueBody};
  if (!parse_length_and_version(rest, frame.body_bytes, frame.reply.version)) return malformed(rest);
  unfinished_.push_back(std::move(frame));
  return Step::kDone;
}

ReplyReader::Step ReplyReader::read_counted_head(Reply::Kind kind, Expect expect, std::string_view rest) {
  Frame frame{.reply = {.kind = kind}, .expect = expect};
  if (!parse_number(take_field(rest), frame.remaining) || unfinished_.size() == kMaxDepth) {
    return malformed(rest);
  }
  frame.reply.more = take_field(rest) == "more";
  if (frame.remaining == 0) return whole(std::move(frame.reply));
  unfinished_.push_back(std::move(frame));
  return Step::kDone;
}

ReplyReader::Step ReplyReader::read_name() {
  std::optional<std::string_view> line = take_line();
  if (!line) return problem_.empty() ? Step::kNeedMore : Step::kMalformed;
  std::optional<Word> name = take_word(*line);
  if (!name) return malformed(*line);
  unfinished_.back().reply.items.push_back(std::move(name->bytes));
  return item_done();
}

ReplyReader::Step ReplyReader::read_text_line() {
  const std::optional<std::string_view> line = take_line();
  if (!line) return problem_.empty() ? Step::kNeedMore : Step::kMalformed;
  std::string text;
  if (!protocol::append_unescaped(text, *line)) return malformed(*line);
  unfinished_.back().reply.items.push_back(std::move(text));
  return item_done();
}

ReplyReader::Step ReplyReader::read_pair_head() {
  const std::optional<std::string_view> line = take_line();
  if (!line) return problem_.empty() ? Step::kNeedMore : Step::kMalformed;
  std::string_view rest = *line;
  std::optional<Word> name = take_word(rest);
  if (!name || !rest.starts_with(' ')) return malformed(*line);
  rest.remove_prefix(1);

  Frame& frame = unfinished_.back();
  Pair pair{.name = std::move(name->bytes)};
  if (rest.starts_with('-')) {
    pair.error = rest.substr(1);
    frame.reply.pairs.push_back(std::move(pair));
    return item_done();
  }
  if (!parse_length_and_version(rest, frame.body_bytes, pair.version)) return malformed(*line);
  frame.reply.pairs.push_back(std::move(pair));
  frame.expect = Expect::kPairBody;
  return Step::kDone;
}

ReplyReader::Step ReplyReader::read_body() {
  Frame& frame = unfinished_.back();
  if (buffer_.size() - at_ < frame.body_bytes + 2) return Step::kNeedMore;
  const std::string_view body = std::string_view(buffer_).substr(at_, frame.body_bytes + 2);
  if (!body.ends_with("\r\n")) return malformed(body.substr(0, kShownBytes));
  at_ += body.size();

  const std::string_view value = body.substr(0, frame.body_bytes);
  if (frame.expect == Expect::kPairBody) {
    frame.reply.pairs.back().value = value;
    frame.expect = Expect::kPairs;
    return item_done();
  }
  frame.reply.text = value;
  Reply reply = std::move(frame.reply);
  unfinished_.pop_back();
  return whole(std::move(reply));
}

// Counts an item of the unfinished reply as read.
ReplyReader::Step ReplyReader::item_done() {
  if (--unfinished_.back().remaining > 0) return Step::kDone;
  Reply reply = std::move(unfinished_.back().reply);
  unfinished_.pop_back();
  return whole(std::move(reply));
}

ReplyReader::Step ReplyReader::whole(Reply reply) {
  if (unfinished_.empty()) {
    finished_ = std::move(reply);
    return Step::kDone;
  }
  unfinished_.back().reply.replies.push_back(std::move(reply));
  return item_done();
}

ReplyReader::Step ReplyReader::malformed(std::string_view line) {
  problem_ = "not an answer in minikv's protocol: ";
  protocol::append_quoted_if_needed(problem_, line.substr(0, kShownBytes));
  return Step::kMalformed;
}

std::optional<std::string_view> ReplyReader::take_line() {
  const std::size_t end = buffer_.find('\n', std::max(at_, scanned_));
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    if (scanned_ - at_ > kMaxLineBytes) malformed(std::string_view(buffer_).substr(at_));
    return std::nullopt;
  }
  std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  at_ = end + 1;
  return line;
}

}  // namespace minikv::client
