// Each reply in text, RESP2 and RESP3; numbers are written straight to where they are sent from.
#include "protocol/reply_encoder.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <utility>

#include "protocol/ascii.h"
#include "protocol/quoting.h"

namespace minikv::protocol {
namespace {

constexpr std::string_view kEol = "\r\n";

template <typename Number>
void append_number(ReplyBuffer& out, Number number) {
  char digits[20];  // of -2^63 and of 2^64 - 1
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), number);
  out.append(std::string_view(digits, end));
}

// A message is one line. In RESP, line ends become spaces, as in Redis. In text, all control characters do,
// because they would confuse a terminal.
void append_resp_message(ReplyBuffer& out, std::string_view message) {
  for (const char c : message) out.append(c == '\r' || c == '\n' ? ' ' : c);
}

void append_text_message(ReplyBuffer& out, std::string_view message) {
  for (const char c : message) out.append(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
}

void append_name(ReplyBuffer& out, std::string_view name) {
  std::string quoted;
  append_quoted_if_needed(quoted, name);
  out.append(std::move(quoted));
}

void append_head(ReplyBuffer& out, std::string_view kind, std::size_t count, bool more) {
  out.append(kind);
  append_number(out, count);
  if (more) out.append(" more");
  out.append(kEol);
}

}  // namespace

void ReplyEncoder::head(char type, std::uint64_t number) {
  constexpr std::size_t kDigits = 20;
  char line[1 + kDigits + kEol.size()];
  line[0] = type;
  char* end = std::to_chars(line + 1, line + 1 + kDigits, number).ptr;
  end = std::copy(kEol.begin(), kEol.end(), end);
  out_.append(std::string_view(line, end));
}

void ReplyEncoder::bytes_line(std::string_view bytes) {
  const std::span<char> room = line_to_fill(bytes.size());
  if (!bytes.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
}

void ReplyEncoder::bytes_line(std::string&& bytes) {
  out_.append(std::move(bytes));
  out_.append(kEol);
}

// Room for the bytes, with a line end behind it.
std::span<char> ReplyEncoder::line_to_fill(std::size_t bytes) {
  char* const room = out_.extend(bytes + kEol.size());
  std::copy(kEol.begin(), kEol.end(), room + bytes);
  return {room, bytes};
}

void ReplyEncoder::ok() { out_.append("+OK\r\n"); }

void ReplyEncoder::ok(std::string_view text) {
  if (!is_text()) return simple(text);
  out_.append("+OK ");
  append_text_message(out_, text);
  out_.append(kEol);
}

void ReplyEncoder::pong() { out_.append("+PONG\r\n"); }

void ReplyEncoder::queued() { out_.append("+QUEUED\r\n"); }

void ReplyEncoder::integer(std::int64_t value) {
  out_.append(is_text() ? "+INT " : ":");
  append_number(out_, value);
  out_.append(kEol);
}

void ReplyEncoder::value_head(std::size_t bytes, std::uint64_t version) {
  if (!is_text()) return head('$', bytes);
  out_.append("+VALUE ");
  append_number(out_, bytes);
  out_.append(' ');
  append_number(out_, version);
  out_.append(kEol);
}

void ReplyEncoder::value(std::string_view bytes, std::uint64_t version) {
  value_head(bytes.size(), version);
  bytes_line(bytes);
}

void ReplyEncoder::value(std::string&& bytes, std::uint64_t version) {
  value_head(bytes.size(), version);
  bytes_line(std::move(bytes));
}

std::span<char> ReplyEncoder::value_to_fill(std::size_t bytes, std::uint64_t version) {
  value_head(bytes, version);
  return line_to_fill(bytes);
}

void ReplyEncoder::not_found() {
  if (!is_text()) return nil();
  out_.append("-NOTFOUND no such key\r\n");
}

void ReplyEncoder::error(const ErrorReply& error) {
  out_.append('-');
  if (is_text()) {
    out_.append(error_code_name(error.code));
    out_.append(' ');
    append_text_message(out_, error.text.empty() ? error.resp : error.text);
  } else if (!error.resp.empty()) {
    append_resp_message(out_, error.resp);
  } else {
    out_.append("ERR ");
    append_resp_message(out_, error.text);
  }
  out_.append(kEol);
}

void ReplyEncoder::multi(std::size_t replies) {
  if (!is_text()) return array(replies);
  append_head(out_, "+MULTI ", replies, false);
}

void ReplyEncoder::aborted() {
  if (is_text()) return error(errors::watched_key_changed());
  nil_array();
}

void ReplyEncoder::raw(ReplyBuffer&& reply) { out_.append(std::move(reply)); }

void ReplyEncoder::new_version(std::uint64_t version) {
  out_.append(is_text() ? "+OK " : ":");
  append_number(out_, version);
  out_.append(kEol);
}

void ReplyEncoder::echo(std::string_view bytes) {
  if (!is_text()) return bulk(bytes);
  text_head(1);
  line(bytes);
}

void ReplyEncoder::list_head(std::size_t names, bool more) { append_head(out_, "+LIST ", names, more); }

void ReplyEncoder::name(std::string_view name) {
  append_name(out_, name);
  out_.append(kEol);
}

void ReplyEncoder::pairs_head(std::size_t pairs, bool more) { append_head(out_, "+PAIRS ", pairs, more); }

std::span<char> ReplyEncoder::pair_to_fill(std::string_view name, std::size_t bytes, std::uint64_t version) {
  append_name(out_, name);
  out_.append(' ');
  append_number(out_, bytes);
  out_.append(' ');
  append_number(out_, version);
  out_.append(kEol);
  return line_to_fill(bytes);
}

void ReplyEncoder::pair_error(std::string_view name, ErrorCode code) {
  append_name(out_, name);
  out_.append(" -");
  bytes_line(error_code_name(code));
}

void ReplyEncoder::text_head(std::size_t lines) { append_head(out_, "+TEXT ", lines, false); }

void ReplyEncoder::line(std::string_view line) {
  std::string escaped;
  append_escaped(escaped, line);
  bytes_line(std::move(escaped));
}

void ReplyEncoder::text(std::string_view block) {
  if (block.ends_with('\n'))
    block.remove_suffix(1);
  else if (block.empty())
    return text_head(0);
  text_head(static_cast<std::size_t>(std::ranges::count(block, '\n')) + 1);
  for (;;) {
    const std::size_t end = block.find('\n');
    std::string_view one = block.substr(0, end);
    if (one.ends_with('\r')) one.remove_suffix(1);
    line(one);
    if (end == std::string_view::npos) return;
    block.remove_prefix(end + 1);
  }
}

void ReplyEncoder::simple(std::string_view text) {
  out_.append('+');
  append_resp_message(out_, text);
  out_.append(kEol);
}

void ReplyEncoder::bulk(std::string_view bytes) {
  head('$', bytes.size());
  bytes_line(bytes);
}

void ReplyEncoder::bulk(std::string&& bytes) {
  head('$', bytes.size());
  bytes_line(std::move(bytes));
}

std::span<char> ReplyEncoder::bulk_to_fill(std::size_t bytes) {
  head('$', bytes);
  return line_to_fill(bytes);
}

void ReplyEncoder::array(std::size_t items) { head('*', items); }

void ReplyEncoder::map(std::size_t pairs) {
  if (format_ == ReplyFormat::kResp3) return head('%', pairs);
  head('*', pairs * 2);
}

void ReplyEncoder::nil() { out_.append(format_ == ReplyFormat::kResp3 ? "_\r\n" : "$-1\r\n"); }

void ReplyEncoder::nil_array() { out_.append(format_ == ReplyFormat::kResp3 ? "_\r\n" : "*-1\r\n"); }

void ReplyEncoder::set(std::size_t items) { head(format_ == ReplyFormat::kResp3 ? '~' : '*', items); }

void ReplyEncoder::verbatim(std::string_view text) {
  if (format_ != ReplyFormat::kResp3) return bulk(text);
  head('=', text.size() + 4);
  out_.append("txt:");
  bytes_line(text);
}

}  // namespace minikv::protocol
