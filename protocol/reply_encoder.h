// Reply -> bytes, in the dialect of the request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/errors.h"
#include "protocol/reply_buffer.h"
#include "protocol/request.h"

namespace minikv::protocol {

// The format of all replies on a connection.
enum class ReplyFormat : std::uint8_t { kText, kResp2, kResp3 };

// Appends replies to a chain of pieces. The first group of members says what happened and each dialect finds
// its own form; the RESP-only ones are for commands whose replies exist only there.
//
// Thread safety: distinct objects may be used by distinct threads at once.
class ReplyEncoder {
 public:
  ReplyEncoder(ReplyFormat format, ReplyBuffer& out) : format_(format), out_(out) {}
  ReplyFormat format() const { return format_; }
  bool is_text() const { return format_ == ReplyFormat::kText; }
  std::size_t bytes() const { return out_.size(); }  // in the buffer, those of other encoders included
  ReplyBuffer::Mark mark() const { return out_.mark(); }
  void rewind(const ReplyBuffer::Mark& mark) { out_.rewind(mark); }  // as if nothing had been appended since
  // For a reply in another format, in the same place.
  ReplyEncoder in(ReplyFormat format) const { return {format, out_}; }

  void ok();                                                  // +OK
  void ok(std::string_view text);                             // text: "+OK text"; RESP: simple string `text`
  void pong();                                                // +PONG
  void queued();                                              // +QUEUED
  void integer(std::int64_t value);                           // "+INT n"; RESP ":n"
  void value(std::string_view bytes, std::uint64_t version);  // "+VALUE length version"; RESP bulk string
  void value(const char* bytes, std::uint64_t version) { value(std::string_view(bytes), version); }
  void value(std::string&& bytes, std::uint64_t version);  // the same, without a copy of a long one
  // The same; the caller fills the value in where it stands in the reply.
  std::span<char> value_to_fill(std::size_t bytes, std::uint64_t version);
  void not_found();                         // "-NOTFOUND no such key"; RESP nil
  void error(const ErrorReply& error);      // bytes that would break the line are sent as spaces
  void multi(std::size_t replies);          // "+MULTI n"; RESP array of n; the replies follow
  void aborted();                           // "-ABORTED ..."; RESP: the null array
  void new_version(std::uint64_t version);  // "+OK n"; RESP ":n"
  void raw(ReplyBuffer&& reply);            // one that was encoded before
  void echo(std::string_view bytes);        // "+TEXT 1" and the bytes as one line, escaped; RESP bulk string

  // ---- text only: heads, then the items ----
  void list_head(std::size_t names, bool more);
  void name(std::string_view name);  // escaped where needed, with its line end
  void pairs_head(std::size_t pairs, bool more);
  // The caller fills the value in.
  std::span<char> pair_to_fill(std::string_view name, std::size_t bytes, std::uint64_t version);
  void pair_error(std::string_view name, ErrorCode code);
  void text_head(std::size_t lines);
  void line(std::string_view line);   // escaped where needed, with its line end
  void text(std::string_view block);  // head and lines of a block; LF or CR LF ends its lines

  // ---- RESP only ----
  void simple(std::string_view text);
  void bulk(std::string_view bytes);
  void bulk(const char* text) { bulk(std::string_view(text)); }
  void bulk(std::string&& bytes);  // without a copy of a long one
  std::span<char> bulk_to_fill(std::size_t bytes);
  void array(std::size_t items);
  void map(std::size_t pairs);           // RESP2: an array of twice as many
  void nil();                            // RESP2: "$-1", RESP3: "_"
  void nil_array();                      // RESP2: "*-1", RESP3: "_"
  void set(std::size_t items);           // RESP2: an array
  void verbatim(std::string_view text);  // text for people; RESP2: a bulk string

 private:
  void head(char type, std::uint64_t number);  // RESP: type, number, line end
  void bytes_line(std::string_view bytes);     // the bytes and a line end
  void bytes_line(std::string&& bytes);
  std::span<char> line_to_fill(std::size_t bytes);
  void value_head(std::size_t bytes, std::uint64_t version);

  ReplyFormat format_;
  ReplyBuffer& out_;
};

}  // namespace minikv::protocol
