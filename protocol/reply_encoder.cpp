#include "protocol/reply_encoder.h"

#include <algorithm>
#include <charconv>

#include "protocol/ascii.h"

namespace minikv::protocol {
namespace {

constexpr std::string_view kEol = "\r\n";

template <typename Number>
void append_number(std::string& out, Number number) {
  char digits[20];  // of -2^63 and of 2^64 - 1
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), number);
  out.append(digits, end);
}

// A message is one line. RESP: as Redis sends it, without what would end the line early. Text: nothing either that
// would confuse a terminal.
void append_resp_message(std::string& out, std::string_view message) {
  for (char c : message) out += c == '\r' || c == '\n' ? ' ' : c;
}

void append_text_message(std::string& out, std::string_view message) {
  for (char c : message) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
}

void append_head(std::string& out, std::string_view kind, std::size_t count, bool more) {
  out += kind;
  append_number(out, count);
  if (more) out += " more";
  out += kEol;
}

}  // namespace

void ReplyEncoder::head(char type, std::uint64_t number) {
  out_ += type;
  append_number(out_, number);
  out_ += kEol;
}

void ReplyEncoder::bytes_line(std::string_view bytes) {
  out_ += bytes;
  out_ += kEol;
}

void ReplyEncoder::ok() { out_ += "+OK\r\n"; }

void ReplyEncoder::ok(std::string_view text) {
  if (!is_text()) return simple(text);
  out_ += "+OK ";
  append_text_message(out_, text);
  out_ += kEol;
}

void ReplyEncoder::pong() { out_ += "+PONG\r\n"; }

void ReplyEncoder::queued() { out_ += "+QUEUED\r\n"; }

void ReplyEncoder::integer(std::int64_t value) {
  out_ += is_text() ? "+INT " : ":";
  append_number(out_, value);
  out_ += kEol;
}

void ReplyEncoder::value(std::string_view bytes, std::uint64_t version) {
  if (!is_text()) return bulk(bytes);
  out_ += "+VALUE ";
  append_number(out_, bytes.size());
  out_ += ' ';
  append_number(out_, version);
  out_ += kEol;
  bytes_line(bytes);
}

void ReplyEncoder::not_found() {
  if (!is_text()) return nil();
  out_ += "-NOTFOUND no such key\r\n";
}

void ReplyEncoder::error(const ErrorReply& error) {
  out_ += '-';
  if (is_text()) {
    out_ += error_code_name(error.code);
    out_ += ' ';
    append_text_message(out_, error.text.empty() ? error.resp : error.text);
  } else if (!error.resp.empty()) {
    append_resp_message(out_, error.resp);
  } else {
    out_ += "ERR ";
    append_resp_message(out_, error.text);
  }
  out_ += kEol;
}

void ReplyEncoder::multi(std::size_t replies) {
  if (!is_text()) return array(replies);
  append_head(out_, "+MULTI ", replies, false);
}

void ReplyEncoder::aborted() {
  if (is_text()) return error(errors::watched_key_changed());
  nil_array();
}

void ReplyEncoder::raw(std::string_view reply) { out_ += reply; }

void ReplyEncoder::new_version(std::uint64_t version) {
  out_ += is_text() ? "+OK " : ":";
  append_number(out_, version);
  out_ += kEol;
}

void ReplyEncoder::echo(std::string_view bytes) {
  if (!is_text()) return bulk(bytes);
  text_head(1);
  line(bytes);
}

void ReplyEncoder::list_head(std::size_t names, bool more) { append_head(out_, "+LIST ", names, more); }

void ReplyEncoder::name(std::string_view name) {
  append_quoted_if_needed(out_, name);
  out_ += kEol;
}

void ReplyEncoder::pairs_head(std::size_t pairs, bool more) { append_head(out_, "+PAIRS ", pairs, more); }

void ReplyEncoder::pair(std::string_view name, std::string_view bytes, std::uint64_t version) {
  append_quoted_if_needed(out_, name);
  out_ += ' ';
  append_number(out_, bytes.size());
  out_ += ' ';
  append_number(out_, version);
  out_ += kEol;
  bytes_line(bytes);
}

void ReplyEncoder::pair_error(std::string_view name, ErrorCode code) {
  append_quoted_if_needed(out_, name);
  out_ += " -";
  bytes_line(error_code_name(code));
}

void ReplyEncoder::text_head(std::size_t lines) { append_head(out_, "+TEXT ", lines, false); }

void ReplyEncoder::line(std::string_view line) {
  append_escaped(out_, line);
  out_ += kEol;
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
  out_ += '+';
  append_resp_message(out_, text);
  out_ += kEol;
}

void ReplyEncoder::bulk(std::string_view bytes) {
  head('$', bytes.size());
  bytes_line(bytes);
}

void ReplyEncoder::array(std::size_t items) { head('*', items); }

void ReplyEncoder::map(std::size_t pairs) {
  if (format_ == ReplyFormat::kResp3) return head('%', pairs);
  head('*', pairs * 2);
}

void ReplyEncoder::nil() { out_ += format_ == ReplyFormat::kResp3 ? "_\r\n" : "$-1\r\n"; }

void ReplyEncoder::nil_array() { out_ += format_ == ReplyFormat::kResp3 ? "_\r\n" : "*-1\r\n"; }

void ReplyEncoder::set(std::size_t items) { head(format_ == ReplyFormat::kResp3 ? '~' : '*', items); }

void ReplyEncoder::verbatim(std::string_view text) {
  if (format_ != ReplyFormat::kResp3) return bulk(text);
  head('=', text.size() + 4);
  out_ += "txt:";
  bytes_line(text);
}

}  // namespace minikv::protocol
