// Reads a script's lines, fills in its variables, and compares replies that may have wildcards.
#include "tests/server/script.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace minikv::server {

namespace {

std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r': out += '\r'; break;
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'x':
        out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
        break;
      default: out += text[i];
    }
  }
  return out;
}

// Splits at spaces; "..." is one argument, with escapes.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> args;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
    } else if (text[i] == '"') {
      std::size_t end = i + 1;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2U : 1U;
      args.push_back(decode(text.substr(i + 1, end - i - 1)));
      i = end + 1;
    } else {
      const std::size_t end = std::min(text.find(' ', i), text.size());
      args.emplace_back(text.substr(i, end - i));
      i = end;
    }
  }
  return args;
}

std::string encode_resp(std::string_view line) {
  const std::vector<std::string> args = split(line);
  std::string out = fmt::format("*{}\r\n", args.size());
  for (const std::string& arg : args) out += fmt::format("${}\r\n{}\r\n", arg.size(), arg);
  return out;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Script load_script(const std::string& path) {
  Script script;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with("< ") || line == "<") {
      EXPECT_FALSE(script.steps.empty()) << path << ":" << number;
      script.steps.back().replies.push_back(line.size() > 2 ? line.substr(2) : "");
    } else {
      EXPECT_TRUE(line.starts_with("> ") || line.starts_with(">> ") || line.starts_with("r> "))
          << path << ":" << number << ": " << line;
      script.steps.push_back({number, line, {}});
      script.uses_variables = script.uses_variables || line.find('{') != std::string::npos;
    }
  }
  return script;
}

std::string substitute(const std::string& request, const ScriptVariables& variables) {
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it is changed below
  std::string line = request;
  for (const auto& [name, value] : variables) {
    const std::string placeholder = "{" + name + "}";
    for (std::size_t at; (at = line.find(placeholder)) != std::string::npos;) {
      line.replace(at, placeholder.size(), value);
    }
  }
  if (line.starts_with(">> ")) return decode(std::string_view(line).substr(3));
  if (line.starts_with("r> ")) return encode_resp(std::string_view(line).substr(3));
  return line.substr(2) + "\r\n";
}

bool reply_matches(const std::string& expected, const std::string& actual, ScriptVariables& variables) {
  const std::size_t open = expected.find('{');
  const std::size_t close = open == std::string::npos ? open : expected.find('}', open);
  if (close == std::string::npos) return decode(expected) == actual;
  const std::string before = decode(expected.substr(0, open));
  const std::string behind = decode(expected.substr(close + 1));
  const std::string name = expected.substr(open + 1, close - open - 1);
  if (!actual.starts_with(before)) return false;
  if (name == "*") return true;
  if (actual.size() < before.size() + behind.size() || !actual.ends_with(behind)) return false;
  const std::string value = actual.substr(before.size(), actual.size() - before.size() - behind.size());
  if (!is_number(value)) return false;
  return variables.emplace(name, value).first->second == value;
}

}  // namespace minikv::server
