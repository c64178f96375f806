// Reply -> bytes, in the dialect of the request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/errors.h"
#include "protocol/quoting.h"
#include "protocol/request.h"

namespace minikv::protocol {

// How one connection is spoken to.
enum class ReplyFormat : std::uint8_t { kText, kResp2, kResp3 };

// Appends replies to a string. The first group of members says what happened and each dialect finds its own
// form; the RESP-only ones are for commands whose replies exist only there.
//
// Thread safety: distinct objects may be used by distinct threads at once.
class ReplyEncoder {
 public:
  ReplyEncoder(ReplyFormat format, std::string& out) : format_(format), out_(out) {}
  ReplyFormat format() const { return format_; }
  bool is_text() const { return format_ == ReplyFormat::kText; }

  void ok();                                                  // +OK
  void ok(std::string_view text);                             // text: "+OK text"; RESP: simple string `text`
  void pong();                                                // +PONG
  void queued();                                              // +QUEUED
  void integer(std::int64_t value);                           // "+INT n"; RESP ":n"
  void value(std::string_view bytes, std::uint64_t version);  // "+VALUE length version"; RESP bulk string
  void not_found();                                           // "-NOTFOUND no such key"; RESP nil
  void error(const ErrorReply& error);                        // what would break the line is sent as spaces
  void multi(std::size_t replies);          // "+MULTI n"; RESP array of n; the replies follow
  void aborted();                           // "-ABORTED ..."; RESP: the null array
  void new_version(std::uint64_t version);  // "+OK n"; RESP ":n"
  void raw(std::string_view reply);         // one that was encoded before
  void echo(std::string_view bytes);        // "+TEXT 1" and the bytes as one line, escaped; RESP bulk string

  // ---- text only: heads, then the items ----
  void list_head(std::size_t names, bool more);
  void name(std::string_view name);  // escaped where needed, with its line end
  void pairs_head(std::size_t pairs, bool more);
  void pair(std::string_view name, std::string_view bytes, std::uint64_t version);
  void pair_error(std::string_view name, ErrorCode code);
  void text_head(std::size_t lines);
  void line(std::string_view line);   // escaped where needed, with its line end
  void text(std::string_view block);  // head and lines of a block; LF or CR LF ends its lines

  // ---- RESP only ----
  void simple(std::string_view text);
  void bulk(std::string_view bytes);
  void array(std::size_t items);
  void map(std::size_t pairs);           // RESP2: an array of twice as many
  void nil();                            // RESP2: "$-1", RESP3: "_"
  void nil_array();                      // RESP2: "*-1", RESP3: "_"
  void set(std::size_t items);           // RESP2: an array
  void verbatim(std::string_view text);  // text for people; RESP2: a bulk string

 private:
  void head(char type, std::uint64_t number);  // RESP: type, number, line end
  void bytes_line(std::string_view bytes);     // the bytes and a line end

  ReplyFormat format_;
  std::string& out_;
};

}  // namespace minikv::protocol
