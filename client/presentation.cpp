// A function for each kind of reply, and tables in two columns.
#include "client/presentation.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "protocol/quoting.h"

namespace minikv::client {
namespace {

constexpr std::size_t kMaxStatWidth = 40;

bool is_delete(const Request& request) { return request.verb == "delete" || request.verb == "del"; }

std::string quoted_if_needed(std::string_view name) {
  std::string text;
  protocol::append_quoted_if_needed(text, name);
  return text;
}

Presentation key_not_found() { return {"Key not found\n", Verdict::kNotFound, true}; }

Presentation present_ok(const Request& request, const Reply& reply) {
  if (request.verb == "compact") return {"Compaction finished\n"};
  return {reply.text.empty() ? "OK\n" : fmt::format("OK {}\n", reply.text)};
}

Presentation present_integer(const Request& request, const Reply& reply) {
  const std::int64_t n = reply.integer;
  const Verdict none_is_not_found = n == 0 ? Verdict::kNotFound : Verdict::kOk;
  if (is_delete(request)) {
    if (request.words.size() > 1) {
      return {fmt::format("Deleted {} of {}\n", n, request.words.size()), none_is_not_found};
    }
    return n == 0 ? key_not_found() : Presentation{"Deleted\n"};
  }
  if (request.verb == "delprefix") {
    return {fmt::format("Deleted {} {}\n", n, n == 1 ? "key" : "keys"), none_is_not_found};
  }
  return {fmt::format("{}\n", n), request.verb == "exists" ? none_is_not_found : Verdict::kOk};
}

std::string more_line(const Request& request, const Reply& reply) {
  if (!reply.more) return {};
  const std::string next = continuation(request, reply);
  return next.empty() ? "There are more.\n" : fmt::format("There are more: {}\n", next);
}

Presentation present_list(const Request& request, const Reply& reply, Style style) {
  if (style == Style::kRaw) {
    std::string names;
    for (const std::string& name : reply.items) names += quoted_if_needed(name) + "\n";
    return {.text = names, .note = more_line(request, reply)};
  }
  std::string text = fmt::format("Keys ({}):\n", reply.items.size());
  for (const std::string& name : reply.items) text += fmt::format("  {}\n", quoted_if_needed(name));
  return {text + more_line(request, reply)};
}

Presentation present_pairs(const Request& request, const Reply& reply) {
  Presentation shown{fmt::format("Pairs ({}):\n", reply.pairs.size())};
  for (const Pair& pair : reply.pairs) {
    shown.text += "  " + quoted_if_needed(pair.name);
    if (pair.error.empty()) {
      shown.text += " = " + pair.value + "\n";
    } else {
      shown.text += fmt::format(": no value ({})\n", pair.error);
      shown.verdict = Verdict::kFailed;
    }
  }
  shown.text += more_line(request, reply);
  return shown;
}

// `exec` has replies of several commands; each is shown like the reply of a command that the client does not
// know.
Presentation present_multi(const Reply& reply, Style style) {
  Presentation shown;
  for (const Reply& part : reply.replies) {
    const Presentation one = present({}, part, style);
    shown.text += one.text;
    shown.verdict = std::max(shown.verdict, one.verdict);
  }
  return shown;
}

// "name: value", "name=value" or "name value".
Row split_stat(std::string_view line) {
  const std::size_t end = line.find_first_of(":= ");
  if (line.starts_with('#') || end == std::string_view::npos) return {std::string(line), {}};
  std::string_view value = line.substr(end + 1);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return {std::string(line.substr(0, end)), std::string(value)};
}

Presentation present_text(const Request& request, const Reply& reply, Style style) {
  if (style == Style::kPeople && (request.verb == "stats" || request.verb == "info")) {
    std::vector<Row> rows;
    std::ranges::transform(reply.items, std::back_inserter(rows), split_stat);
    return {format_table(rows, kMaxStatWidth)};
  }
  std::string text;
  for (const std::string& line : reply.items) text += line + "\n";
  return {text};
}

Presentation present_error(const Reply& reply) {
  if (reply.code == "NOTFOUND") return key_not_found();
  return {error_line(reply.code, reply.text), Verdict::kFailed, true};
}

}  // namespace

Presentation present(const Request& request, const Reply& reply, Style style) {
  switch (reply.kind) {
    case Reply::Kind::kOk: return present_ok(request, reply);
    case Reply::Kind::kPong: return {"PONG\n"};
    case Reply::Kind::kQueued: return {"QUEUED\n"};
    case Reply::Kind::kInteger: return present_integer(request, reply);
    case Reply::Kind::kValue: return {style == Style::kRaw ? reply.text : reply.text + "\n"};
    case Reply::Kind::kList: return present_list(request, reply, style);
    case Reply::Kind::kPairs: return present_pairs(request, reply);
    case Reply::Kind::kMulti: return present_multi(reply, style);
    case Reply::Kind::kText: return present_text(request, reply, style);
    case Reply::Kind::kError: return present_error(reply);
    case Reply::Kind::kOther: break;
  }
  return {reply.text + "\n"};
}

std::string error_line(std::string_view code, std::string_view message) {
  if (message.empty() || code.empty()) return fmt::format("Error: {}{}\n", message, code);
  return fmt::format("Error: {} ({})\n", message, code);
}

std::string format_table(std::span<const Row> rows, std::size_t left_max) {
  std::size_t width = 0;
  for (const Row& row : rows) {
    if (!row.right.empty() && row.left.size() <= left_max) width = std::max(width, row.left.size());
  }
  std::string text;
  for (const Row& row : rows) {
    if (row.right.empty()) {
      text += row.left + "\n";
    } else if (row.left.size() > width) {
      text += fmt::format("{}\n{:{}}  {}\n", row.left, "", width, row.right);
    } else {
      text += fmt::format("{:{}}  {}\n", row.left, width, row.right);
    }
  }
  return text;
}

}  // namespace minikv::client
