// The command that continues after a reply with `more`.
#include "client/presentation.h"

namespace minikv::client {
namespace {

bool is_option(const Word& word, std::string_view name) { return !word.quoted && word.bytes == name; }

std::string to_line(std::string_view verb, std::span<const Word> words) {
  std::string line(verb);
  for (const Word& word : words) {
    line += ' ';
    append_word(line, word);
  }
  return line;
}

// list, scan: the same again, after the last name.
std::string after_last(const Request& request, const std::string& last) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < request.words.size(); ++i) {
    if (is_option(request.words[i], "after")) {
      ++i;
      continue;
    }
    words.push_back(request.words[i]);
    if (is_option(request.words[i], "limit") && i + 1 < request.words.size()) {
      words.push_back(request.words[++i]);
    }
  }
  words.push_back({"after"});
  words.push_back({last});
  return to_line(request.verb, words);
}

// range: the bound where the walk began moves to the last name. The smallest name behind a name is the name
// and a zero byte.
std::string rest_of_range(const Request& request, const std::string& last) {
  std::vector<Word> words = request.words;
  if (words.size() < 2) return {};
  const bool is_reverse =
      is_option(words.back(), "reverse") || (words.size() > 2 && is_option(words[2], "reverse"));
  if (is_reverse) {
    words[1] = {last, true};
  } else {
    words[0] = {last + '\0', true};
  }
  return to_line(request.verb, words);
}

}  // namespace

std::string continuation(const Request& request, const Reply& reply) {
  if (!reply.items.empty() && request.verb == "list") return after_last(request, reply.items.back());
  if (reply.pairs.empty()) return {};
  if (request.verb == "scan") return after_last(request, reply.pairs.back().name);
  if (request.verb == "range") return rest_of_range(request, reply.pairs.back().name);
  return {};
}

}  // namespace minikv::client
