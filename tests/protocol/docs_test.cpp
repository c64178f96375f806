// docs/PROTOCOL.md lists the commands of the table and no others.
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "protocol/syntax.h"

namespace minikv::protocol {
namespace {

constexpr std::string_view kBegin = "<!-- commands: begin -->\n";
constexpr std::string_view kEnd = "<!-- commands: end -->\n";

std::string code(std::string_view text) {
  std::string cell;
  if (text.empty()) return cell;
  for (char c : text) cell += c == '|' ? std::string("\\|") : std::string(1, c);
  return "`" + cell + "`";
}

std::string command_reference() {
  std::string table = "| text | RESP | |\n|---|---|---|\n";
  for (const CommandSpec& command : all_commands()) {
    std::string text = code(command.usage);
    for (std::string_view alias : command.aliases) text += fmt::format(", also `{}`", alias);
    const auto subcommands = subcommands_of(command.id);
    // A container by itself is no request.
    if (subcommands.empty() || !command.syntax.empty())
      table += fmt::format("| {} | {} | {} |\n", text, code(resp_usage(command)), command.summary);
    for (const CommandSpec& one : subcommands)
      table += fmt::format("|  | {} | {} |\n", code(resp_usage(one)), one.summary);
  }
  return table;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ProtocolDocumentTest, HoldsTheCommandReference) {
  const std::string document = read_file(MINIKV_SOURCE_DIR "/docs/PROTOCOL.md");
  const std::size_t begin = document.find(kBegin);
  const std::size_t end = document.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::size_t from = begin + kBegin.size();
  EXPECT_EQ(document.substr(from, end - from), command_reference())
      << "docs/PROTOCOL.md must have this between its two marks:\n"
      << command_reference();
}

}  // namespace
}  // namespace minikv::protocol
