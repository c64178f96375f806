// What the table of settings is turned into: help, a configuration file, the reference in the docs.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "server/config/render.h"

namespace minikv::server {
namespace {

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Config unusual_config() {
  Config config;
  config.bind = {"::1", "10.0.0.1"};
  config.data_dir = "/srv/a \"quoted\" folder\\\n";
  config.port = 1;
  config.fsync = Fsync::kInterval;
  config.segment_size = kMiB + 1;
  config.accept_clock_jump = true;
  return config;
}

Settled read_back(const std::string& text) {
  const std::string path = testing::TempDir() + "minikv-printed.json";
  std::ofstream(path, std::ios::binary) << text;
  Settled settled;
  const Status status = read_config_file(path, settled);
  EXPECT_TRUE(status) << status.message();
  return settled;
}

TEST(ConfigRenderTest, APrintedConfigurationGivesTheSameSettingsAgain) {
  const Config config = unusual_config();
  EXPECT_EQ(setting_values(read_back(render_config(config)).config), setting_values(config));
  Settled settled;
  settled.config = config;
  EXPECT_EQ(setting_values(read_back(render_origins(settled)).config), setting_values(config));
}

TEST(ConfigRenderTest, APrintedConfigurationIsPlainJson) {
  const auto document = nlohmann::json::parse(render_config(unusual_config()));
  EXPECT_EQ(document.size(), settings().size());
  EXPECT_EQ(document["port"], 1);
  EXPECT_EQ(document["fsync"], "interval");
  EXPECT_EQ(document["accept_clock_jump"], true);
}

TEST(ConfigRenderTest, OriginsNameTheFlagTheVariableAndTheFile) {
  Settled settled;
  settled.config_file = "/etc/minikv.json";
  ASSERT_TRUE(settled.apply(*find_setting("port"), "1", Origin::kFlag, ""));
  ASSERT_TRUE(settled.apply(*find_setting("fsync"), "never", Origin::kEnvironment, ""));
  ASSERT_TRUE(settled.apply(*find_setting("log_level"), "warn", Origin::kFile, ""));
  const std::string text = render_origins(settled);
  EXPECT_NE(text.find("\"port\": 1,  // --port\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\"fsync\": \"never\",  // MINIKV_FSYNC\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\"log_level\": \"warn\",  // /etc/minikv.json\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\"bind\": \"127.0.0.1\",  // default\n"), std::string::npos) << text;
}

TEST(ConfigRenderTest, HelpHasEverySettingWithDefaultRangeAndVariable) {
  const std::string help = render_help();
  for (const Setting& setting : settings()) {
    EXPECT_NE(help.find(setting.flag()), std::string::npos) << setting.key;
    EXPECT_NE(help.find(setting.environment()), std::string::npos) << setting.key;
  }
  EXPECT_NE(help.find("0 to 65535; default 7379;"), std::string::npos) << help;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST(ConfigRenderTest, NamesAndValuesForConfigGetAreInTheTablesOrder) {
  const auto values = setting_values(Config());
  ASSERT_EQ(values.size(), settings().size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i].first, settings()[i].key);
}

// The docs cannot drift from the table: if this fails, put the block that it prints into the document.
TEST(ConfigRenderTest, TheReferenceInTheDocsIsTheTable) {
  const std::string document = read_file(MINIKV_SOURCE_DIR "/docs/CONFIGURATION.md");
  const std::string begin = "<!-- settings: begin -->\n";
  const std::string end = "<!-- settings: end -->\n";
  const std::size_t from = document.find(begin);
  const std::size_t to = document.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(document.substr(from + begin.size(), to - from - begin.size()), render_reference())
      << "expected block:\n"
      << render_reference();
}

// The sample teaches every setting, at its default: what it says is what a server without it does.
TEST(ConfigRenderTest, TheSampleHasEverySettingAtItsDefault) {
  Settled sample;
  const Status status = read_config_file(MINIKV_SOURCE_DIR "/conf/minikv.json", sample);
  ASSERT_TRUE(status) << status.message();
  const std::string text = read_file(MINIKV_SOURCE_DIR "/conf/minikv.json");
  for (const Setting& setting : settings()) {
    EXPECT_NE(text.find("\"" + std::string(setting.key) + "\":"), std::string::npos) << setting.key;
    if (setting.default_note.empty()) {
      EXPECT_EQ(setting.get(sample.config), setting.get(Config())) << setting.key;
    }
  }
}

}  // namespace
}  // namespace minikv::server
