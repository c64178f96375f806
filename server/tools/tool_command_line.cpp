// Parses the tools' flags by CLI11.
#include "server/tools/tool_command_line.h"

#include <array>

#include <CLI/CLI.hpp>

#include "server/config/text.h"

namespace minikv::server {
namespace {

constexpr std::array<std::string_view, 3> kTools = {"verify", "dump", "repair"};

constexpr const char* kVerifyHelp =
    "Reads every byte of a store and says what is damaged, where, and what that means. Changes nothing.\n"
    "The store must not be open.\n";
constexpr const char* kVerifyFooter =
    "\nExit codes: 0 no damage, 1 damage was found (or minikvd would refuse the store), 2 it could not be "
    "checked.";
constexpr const char* kDumpHelp =
    "Prints the records of a store, one a line, in the order in which they stand in its segments; segments\n"
    "in the order of their sequence numbers. Changes nothing. The store must not be open.\n";
constexpr const char* kDumpFooter =
    "\nWith --json, each line is an object. What is not UTF-8 is in \"key_base64\" and \"value_base64\" "
    "instead of\n"
    "\"key\" and \"value\".\n"
    "Exit codes: 0 printed, 1 printed and damage was met, 2 it could not be read.";
constexpr const char* kRepairHelp =
    "Writes all that can be saved of a store into a new one, and lists what can't be. The old one is only "
    "read.\n"
    "Versions and expiry stay. A key whose newest value is damaged answers CORRUPT in the new store: an "
    "older\n"
    "value never takes its place. The store must not be open.\n";
constexpr const char* kRepairFooter =
    "\nExit codes: 0 there was no damage, 1 there was, and the new store holds what could be saved, 2 no "
    "new\n"
    "store was written.";

struct Parser {
  CLI::App app{"", "minikvd"};
  ToolRequest request;
  CLI::App* verify = app.add_subcommand(std::string(kTools[0]), kVerifyHelp);
  CLI::App* dump = app.add_subcommand(std::string(kTools[1]), kDumpHelp);
  CLI::App* repair = app.add_subcommand(std::string(kTools[2]), kRepairHelp);

  Parser() {
    app.require_subcommand(1);
    verify->footer(kVerifyFooter);
    dump->footer(kDumpFooter);
    repair->footer(kRepairFooter);
    for (CLI::App* tool : {verify, dump, repair}) {
      tool->set_help_flag("--help,-h", "Print this");
      tool->add_option("DIR", request.directory, "The store's directory")->required()->type_name("");
    }
    repair
        ->add_option("NEW_DIR", request.new_directory,
                     "Where the new store goes: must not exist, or be empty")
        ->required()
        ->type_name("");
    for (CLI::App* tool : {verify, dump, repair}) tool->add_flag("--json", request.json, "Answer in JSON");
    dump->add_flag("--values", request.values, "Print values too, not only how long they are");
    dump->add_option("--key-prefix", request.prefixes,
                     "Only keys that begin with this; may be given several times")
        ->type_name("P")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    dump->add_flag("--frames", request.frames, "Print frames too: time, sequences and watermark");
    dump->add_flag("--hints", request.hints, "Print what the hints say too");
    dump->add_flag("--manifest", request.manifest, "Print the manifest's two copies first");
    repair->add_flag("--drop-damaged", request.drop_damaged,
                     "Leave keys out whose newest value is damaged, instead of letting them answer CORRUPT");
  }
};

}  // namespace

bool is_tool(std::string_view word) { return std::find(kTools.begin(), kTools.end(), word) != kTools.end(); }

Result<ToolRequest> parse_tool_command_line(std::span<const char* const> arguments) {
  Parser parser;
  try {
    // CLI11 takes the arguments from the back.
    parser.app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    parser.request.help = parser.app.help();
    return parser.request;
  } catch (const CLI::Error& error) {
    return {StatusCode::kInvalidArgument,
            one_line(error.what()) + " (minikvd " + std::string(arguments.front()) + " --help)"};
  }
  const bool repairs = parser.repair->parsed();
  if (parser.request.directory.empty() || (repairs && parser.request.new_directory.empty()))
    return invalid("a directory's name is empty: fill it in (minikvd " + std::string(arguments.front()) +
                   " --help)");
  if (parser.dump->parsed()) parser.request.tool = Tool::kDump;
  if (repairs) parser.request.tool = Tool::kRepair;
  return parser.request;
}

}  // namespace minikv::server
