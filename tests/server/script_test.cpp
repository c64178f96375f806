// The scripts in tests/server/scripts, each against a fresh server: request by request, all requests in one
// write (so that reads follow writes through the writer), and byte by byte. The replies must be the same.
#include "tests/server/script.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {

namespace {

enum class Sending { kOneByOne, kAllAtOnce, kByteByByte };

using Run = std::tuple<std::string, Sending>;

std::vector<Run> all_runs() {
  std::vector<Run> runs;
  for (const auto& entry : std::filesystem::directory_iterator(MINIKV_SOURCE_DIR "/tests/server/scripts")) {
    const std::string path = entry.path().string();
    runs.emplace_back(path, Sending::kOneByOne);
    runs.emplace_back(path, Sending::kByteByByte);
    // Where requests depend on replies, they can't all be sent before.
    if (!load_script(path).uses_variables) runs.emplace_back(path, Sending::kAllAtOnce);
  }
  std::ranges::sort(runs);
  return runs;
}

TestServer::Setup script_setup() {
  TestServer::Setup setup;
  setup.options.parser.max_line_bytes = 1000;
  setup.options.parser.max_key_bytes = 100;
  setup.options.parser.max_value_bytes = 2000;
  setup.store.max_key_bytes = 100;
  setup.store.max_value_bytes = 2000;
  setup.options.settings = {{"port", "7379"}, {"max_clients", "10000"}, {"fsync", "always"}};
  return setup;
}

class ScriptTest : public ::testing::TestWithParam<Run> {
 public:
  static std::string test_name(const ::testing::TestParamInfo<ParamType>& info) {
    const auto& [path, sending] = info.param;
    const char* const kNames[] = {"_OneByOne", "_AllAtOnce", "_ByteByByte"};
    return std::filesystem::path(path).stem().string() + kNames[static_cast<int>(sending)];
  }

 protected:
  void expect_replies(TestClient& client, const ScriptStep& step, const std::string& path) {
    for (const std::string& expected : step.replies) {
      const std::string actual = client.read_line();
      ASSERT_TRUE(reply_matches(expected, actual, variables_))
          << path << ":" << step.line << ": " << step.request << "\n  expected: " << expected
          << "\n  actual:   " << actual;
    }
  }

  ScriptVariables variables_;
};

}  // namespace

TEST_P(ScriptTest, RepliesAreExactlyThese) {
  const auto& [path, sending] = GetParam();
  const Script script = load_script(path);
  TestServer server(script_setup());
  TestClient client(server.port());

  if (sending == Sending::kAllAtOnce) {
    std::string all;
    for (const ScriptStep& step : script.steps) all += substitute(step.request, variables_);
    client.send(all);
  }
  for (const ScriptStep& step : script.steps) {
    const std::string bytes = substitute(step.request, variables_);
    if (sending == Sending::kOneByOne) client.send(bytes);
    if (sending == Sending::kByteByByte) {
      for (const char c : bytes) client.send({&c, 1});
    }
    ASSERT_NO_FATAL_FAILURE(expect_replies(client, step, path));
  }
  // Nothing is left over.
  EXPECT_EQ(client.ask("ping"), "+PONG");
}

INSTANTIATE_TEST_SUITE_P(Scripts, ScriptTest, ::testing::ValuesIn(all_runs()), ScriptTest::test_name);

}  // namespace minikv::server
