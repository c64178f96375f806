// What must hold for every row of the table, and how rows are found.
#include "protocol/command_table.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "protocol/ascii.h"
#include "protocol/syntax.h"

namespace minikv::protocol {
namespace {

bool has(const CommandSpec& command, std::uint32_t flag) { return (command.flags & flag) != 0; }

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), to_upper);
  return result;
}

TEST(CommandTableTest, EveryVerbIsLowerCaseAndThereOnce) {
  std::set<std::string_view> text_verbs;
  std::set<std::string_view> resp_verbs;
  for (const CommandSpec& command : all_commands()) {
    for (std::string_view verb : {command.name, command.resp_name}) {
      EXPECT_TRUE(std::ranges::all_of(verb, [](char c) { return c >= 'a' && c <= 'z'; })) << verb;
    }
    ASSERT_FALSE(command.name.empty());
    EXPECT_TRUE(text_verbs.insert(command.name).second) << command.name;
    for (std::string_view alias : command.aliases) EXPECT_TRUE(text_verbs.insert(alias).second) << alias;
    if (!command.resp_name.empty()) {
      EXPECT_TRUE(resp_verbs.insert(command.resp_name).second) << command.name;
    }
  }
}

TEST(CommandTableTest, IdsAreTheRowsNumbers) {
  std::size_t row = 0;
  for (const CommandSpec& command : all_commands()) {
    EXPECT_EQ(static_cast<std::size_t>(command.id), row++);
    EXPECT_EQ(&command_spec(command.id), &command);
  }
}

TEST(CommandTableTest, EveryCommandIsFoundInTheDialectsItHasAndNoOther) {
  for (const CommandSpec& command : all_commands()) {
    SCOPED_TRACE(command.name);
    EXPECT_TRUE(has(command, kFlagText) || has(command, kFlagResp));
    const CommandSpec* in_text = has(command, kFlagText) ? &command : nullptr;
    EXPECT_EQ(find_text_command(command.name), in_text);
    EXPECT_EQ(find_text_command(upper(command.name)), in_text);
    for (std::string_view alias : command.aliases) EXPECT_EQ(find_text_command(alias), in_text);
    EXPECT_EQ(find_resp_command(command.name), has(command, kFlagResp) ? &command : nullptr);
    if (has(command, kFlagResp)) {
      EXPECT_EQ(find_resp_command(upper(command.resp_name)), &command);
    }
  }
  for (const char* verb : {"", "ge", "gett", "zzz", "averyveryverylongverb", "get "}) {
    EXPECT_EQ(find_text_command(verb), nullptr) << verb;
    EXPECT_EQ(find_resp_command(verb), nullptr) << verb;
  }
}

TEST(CommandTableTest, EveryFormHasItsUsageLine) {
  for (const CommandSpec& command : all_commands()) {
    SCOPED_TRACE(command.name);
    EXPECT_EQ(command.usage.empty(), !has(command, kFlagText));
    EXPECT_EQ(command.resp_name.empty(), !has(command, kFlagResp));
    EXPECT_EQ(command.usage.substr(0, command.usage.find(' ')), has(command, kFlagText) ? command.name : "");
    const std::string in_resp = resp_usage(command);
    EXPECT_EQ(in_resp.substr(0, in_resp.find(' ')), upper(command.resp_name));
    const bool is_container = !subcommands_of(command.id).empty() && command.id != CommandId::kCommand;
    EXPECT_EQ(command.syntax.empty(), command.resp_name.empty() || is_container);
    EXPECT_FALSE(command.summary.empty());
    EXPECT_FALSE(command.summary.ends_with('.'));
    EXPECT_LE(command.usage.size() + command.summary.size(), 140u) << "a line for people";
  }
}

TEST(CommandTableTest, ArgumentCountsAgreeWithTheForm) {
  for (const CommandSpec& command : all_commands()) {
    SCOPED_TRACE(command.name);
    EXPECT_LE(command.text_args_min, command.text_args_max);
    EXPECT_EQ(command.arity == 0, !has(command, kFlagResp));
    const bool rest_of_line = command.text_form == TextForm::kRestOfLine;
    EXPECT_EQ(command.usage.ends_with("..."), rest_of_line);
    if (rest_of_line) {
      EXPECT_EQ(command.text_args_min, command.fixed_args + 1);
      EXPECT_EQ(command.text_args_max, command.fixed_args + 1);
    } else {
      EXPECT_EQ(command.fixed_args, 0);
    }
    EXPECT_EQ(command.text_form == TextForm::kPut, command.id == CommandId::kPut);
  }
}

TEST(CommandTableTest, KeyPositionsLieWithinTheArguments) {
  for (const CommandSpec& command : all_commands()) {
    SCOPED_TRACE(command.name);
    EXPECT_EQ(command.first_key == 0, command.key_step == 0);
    EXPECT_EQ(command.first_key == 0, command.last_key == 0);
    if (command.first_key == 0) continue;
    EXPECT_GE(command.first_key, 1);
    EXPECT_TRUE(command.last_key >= command.first_key || command.last_key == -1);
    if (has(command, kFlagText)) {
      EXPECT_GE(command.text_args_min, command.first_key);
    }
  }
}

TEST(CommandTableTest, EverySubcommandIsFoundByItsSecondWordAndByItsFullName) {
  std::size_t count = 0;
  for (const CommandSpec& command : all_commands()) {
    EXPECT_FALSE(command.is_subcommand());
    EXPECT_EQ(find_resp_command_by_full_name(command.resp_name), find_resp_command(command.resp_name));
    std::set<std::string_view> words;
    for (const CommandSpec& one : subcommands_of(command.id)) {
      SCOPED_TRACE(one.resp_name);
      ++count;
      ASSERT_TRUE(one.resp_name.starts_with(std::string(command.resp_name) + "|"));
      const std::string_view word = one.resp_name.substr(command.resp_name.size() + 1);
      EXPECT_TRUE(words.insert(word).second);
      EXPECT_EQ(one.container, command.id);
      EXPECT_TRUE(one.is_subcommand());
      EXPECT_EQ(&command_spec(one.id), &one);
      EXPECT_EQ(find_subcommand(command, upper(word)), &one);
      EXPECT_EQ(find_resp_command_by_full_name(upper(one.resp_name)), &one);
      EXPECT_EQ(find_resp_command(one.resp_name), nullptr);
      EXPECT_TRUE(one.arity >= 2 || one.arity <= -2) << "both words count";
      EXPECT_FALSE(one.summary.empty() || one.summary.ends_with('.'));
      std::string name = upper(one.resp_name);
      name[command.resp_name.size()] = ' ';
      EXPECT_TRUE(one.syntax == name || one.syntax.starts_with(name + " ")) << one.syntax;
    }
    EXPECT_EQ(find_subcommand(command, ""), nullptr);
    EXPECT_EQ(find_subcommand(command, "nosuch"), nullptr);
    EXPECT_TRUE(words.empty() || words.contains("help")) << command.name;
  }
  EXPECT_GT(count, 30U);
  EXPECT_EQ(find_resp_command_by_full_name("get|x"), nullptr);
  EXPECT_EQ(find_resp_command_by_full_name("client|"), nullptr);
  EXPECT_EQ(find_resp_command_by_full_name(""), nullptr);
}

TEST(CommandTableTest, NoCommandBothWritesAndOnlyReads) {
  for (const CommandSpec& command : all_commands()) {
    EXPECT_FALSE(has(command, kFlagWrite) && has(command, kFlagReadOnly)) << command.name;
  }
}

}  // namespace
}  // namespace minikv::protocol
