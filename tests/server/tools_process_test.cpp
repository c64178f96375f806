// The real minikvd as verify, dump and repair: exit codes, JSON, and a store that is only read.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "minikv/store.h"
#include "tests/server/config_child.h"
#include "tests/support/server_process.h"

namespace minikv::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kBinaryKey("\xff\x00\x01", 3);

// Closed in order; its values lie in one segment, one behind the other.
void make_store(const std::string& directory) {
  Options options;
  options.segment_size = kMiB;  // the next one is made ready: the smaller, the sooner
  auto store = Store::open(directory, options);
  ASSERT_TRUE(store) << store.status().message();
  ASSERT_TRUE((*store)->set("name", "Alice"));
  ASSERT_TRUE((*store)->set("name", "Bob in the second place"));
  ASSERT_TRUE((*store)->set("user:1", "one"));
  ASSERT_TRUE((*store)->set(kBinaryKey, "\xfe"));
  ASSERT_TRUE((*store)->remove("user:1"));
  ASSERT_TRUE((*store)->close());
}

void damage(const std::string& directory, const std::string& text) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.path().string().ends_with(".dat")) continue;
    const std::size_t at = read_file(entry.path()).find(text);
    if (at == std::string::npos) continue;
    const int file = open(entry.path().c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(pwrite(file, "#", 1, static_cast<off_t>(at)), 1);
    close(file);
    return;
  }
  FAIL() << text << " is in no segment";
}

Ended run(std::vector<std::string> arguments) {
  return run_minikvd_to_end({.arguments = std::move(arguments)});
}

std::vector<json> lines_of(const std::string& out) {
  std::vector<json> lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

class ToolsProcessTest : public testing::Test {
 protected:
  ToolsProcessTest() { make_store(data_); }

  const Folder folder_;
  const std::string data_ = folder_ / "data";
  const std::string new_ = folder_ / "new";
};

TEST_F(ToolsProcessTest, VerifyEndsWithZeroOneOrTwo) {
  const auto before = snapshot(data_);
  Ended ended = run({"verify", data_});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("No damage."));
  EXPECT_EQ(snapshot(data_), before);

  damage(data_, "Bob in");
  ended = run({"verify", data_, "--json"});
  EXPECT_EQ(ended.exit_code, 1);
  const json answer = json::parse(ended.out);
  EXPECT_FALSE(answer["clean"]);
  ASSERT_EQ(answer["findings"].size(), 1U) << ended.out;
  const json& finding = answer["findings"][0];
  EXPECT_EQ(finding["kind"], "damaged-value");
  EXPECT_EQ(finding["effect"], "key-lost");
  EXPECT_EQ(finding["key"], "name");
  EXPECT_EQ(answer["summary"]["deletes"], 1);

  ended = run({"verify", folder_ / "nothing"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, StartsWith("minikvd: "));
  EXPECT_EQ(ended.out, "");
}

TEST_F(ToolsProcessTest, AStoreThatIsServedIsRefusedByAllOfThem) {
  ServerProcess server({"--segment-size", "1MiB"}, data_);
  ASSERT_TRUE(server.start());
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"verify", data_}, {"dump", data_}, {"repair", data_, new_}}) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.exit_code, 2) << arguments[0];
    EXPECT_THAT(ended.err, HasSubstr("another process has this store open")) << arguments[0];
    EXPECT_EQ(ended.out, "");
  }
  EXPECT_FALSE(std::filesystem::exists(new_));
  EXPECT_EQ(server.stop(), 0);
}

TEST_F(ToolsProcessTest, DumpPrintsEveryRecordInTheOrderOfTheLog) {
  const auto before = snapshot(data_);
  const Ended ended = run({"dump", data_, "--json", "--values", "--frames", "--manifest", "--hints"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  std::vector<json> records;
  std::set<std::string> kinds;
  for (json& line : lines_of(ended.out)) {
    kinds.insert(line["kind"]);
    if (line["kind"] == "record") records.push_back(line);
  }
  EXPECT_TRUE(kinds.contains("manifest") && kinds.contains("segment") && kinds.contains("frame"));
  ASSERT_EQ(records.size(), 5U) << ended.out;
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i]["sequence"], i + 1);
    EXPECT_EQ(records[i]["state"], "good");
  }
  EXPECT_EQ(records[0]["key"], "name");
  EXPECT_EQ(records[0]["value"], "Alice");
  EXPECT_EQ(records[3]["key_base64"], "/wAB");
  EXPECT_EQ(records[3]["value_base64"], "/g==");
  EXPECT_EQ(records[4]["type"], "delete");
  EXPECT_EQ(snapshot(data_), before);
}

TEST_F(ToolsProcessTest, DumpForPeopleIsALineARecordAndPrefixesSelect) {
  const Ended ended = run({"dump", data_, "--key-prefix", "user:", "--key-prefix", "\xff"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("key \"user:1\""));
  EXPECT_THAT(ended.out, HasSubstr("key \"\\xff\\0\\x01\""));
  EXPECT_THAT(ended.out, testing::Not(HasSubstr("name")));
  EXPECT_THAT(ended.out, testing::Not(HasSubstr("Bob")));
}

TEST_F(ToolsProcessTest, RepairWritesAStoreThatMinikvdServes) {
  damage(data_, "Bob in");
  const auto before = snapshot(data_);
  const Ended ended = run({"repair", data_, new_, "--json"});
  EXPECT_EQ(ended.exit_code, 1) << ended.err;
  const json answer = json::parse(ended.out);
  EXPECT_EQ(answer["saved_keys"], 1);
  ASSERT_EQ(answer["lost"].size(), 1U);
  EXPECT_EQ(answer["lost"][0]["key"], "name");
  EXPECT_EQ(answer["lost"][0]["sequence"], 2);
  EXPECT_EQ(snapshot(data_), before);
  ServerProcess server({"--segment-size", "1MiB"}, new_);
  ASSERT_TRUE(server.start());
  EXPECT_EQ(server.stop(), 0);
  Options options;
  options.segment_size = kMiB;
  auto store = Store::open(new_, options);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->get("name").code(), StatusCode::kCorruption);
  EXPECT_EQ((*store)->get("user:1").code(), StatusCode::kNotFound);
  const auto saved = (*store)->get(kBinaryKey);
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->version, 4U);
}

TEST_F(ToolsProcessTest, RepairNeverWritesIntoWhatIsThere) {
  for (const std::string& target : {data_, data_ + "/new", folder_.path()}) {
    const Ended ended = run({"repair", data_, target});
    EXPECT_EQ(ended.exit_code, 2) << target;
    EXPECT_THAT(ended.err, StartsWith("minikvd: ")) << target;
  }
  EXPECT_FALSE(std::filesystem::exists(data_ + "/new"));
  EXPECT_EQ(run({"repair", data_, new_}).exit_code, 0);
}

TEST(ToolsUsageTest, WrongWordsAreRefusedAndHelpIsThere) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"verify"},
                                                    {"repair", "a"},
                                                    {"dump", "a", "--nonsense"},
                                                    {"verify", ""},
                                                    {"repair", "a", ""},
                                                    {"verify", "a", "b"}}) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_THAT(ended.err, StartsWith("minikvd: "));
    EXPECT_THAT(ended.out, IsEmpty());
  }
  for (const char* const tool : {"verify", "dump", "repair"}) {
    const Ended ended = run({tool, "--help"});
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_THAT(ended.out, HasSubstr(std::string("Usage: minikvd ") + tool));
    EXPECT_THAT(ended.out, HasSubstr("Exit codes"));
  }
  EXPECT_THAT(run({"--help"}).out, HasSubstr("verify DIR"));
}

}  // namespace
}  // namespace minikv::test
