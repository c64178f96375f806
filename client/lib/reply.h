// A reply of the server, as docs/PROTOCOL.md lists them for the text dialect.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace minikv::client {

struct Pair {
  std::string name;
  std::string value;
  std::uint64_t version = 0;
  std::string error;  // a code, such as CORRUPT, if the value can't be read; then `value` is empty

  bool operator==(const Pair&) const = default;
};

// Which members mean something depends on the kind; the others are empty.
struct Reply {
  enum class Kind : std::uint8_t {
    kOk,  // text: what came after "+OK", often nothing
    kPong,
    kQueued,
    kInteger,  // integer
    kValue,    // text: the value's bytes; version
    kList,     // items: names; more
    kPairs,    // pairs; more
    kMulti,    // replies
    kText,     // items: lines
    kError,    // code, text
    kOther,    // text: a line that begins with '+' and that this client does not know
  };

  Kind kind = Kind::kOther;
  std::string text;
  std::string code;
  std::int64_t integer = 0;
  std::uint64_t version = 0;
  bool more = false;
  std::vector<std::string> items;
  std::vector<Pair> pairs;
  std::vector<Reply> replies;

  bool operator==(const Reply&) const = default;
};

}  // namespace minikv::client
