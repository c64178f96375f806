// Flags over environment over configuration file over defaults; and every way to get it wrong, in one line.
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/config/load.h"
#include "server/config/settings.h"

namespace minikv::server {
namespace {

using Strings = std::vector<std::string>;

Result<CommandLine> command_line(const Strings& arguments) {
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  return parse_command_line(pointers);
}

Result<Settled> load(const Strings& arguments, const Strings& environment = {}) {
  const Result<CommandLine> parsed = command_line(arguments);
  if (!parsed) return parsed.status();
  return settle(*parsed, environment);
}

// A configuration file for one test.
class File {
 public:
  explicit File(const std::string& text) {
    std::string name = testing::TempDir() + "minikv-config-XXXXXX";
    const int descriptor = mkstemp(name.data());
    EXPECT_GE(descriptor, 0);
    close(descriptor);
    path_ = name;
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~File() { unlink(path_.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The message without the file's name, which differs from run to run.
std::string file_error(const std::string& text) {
  const File file(text);
  const auto settled = load({"--config", file.path()});
  if (settled) return "no error";
  std::string message = settled.status().message();
  if (message.starts_with(file.path())) message.replace(0, file.path().size(), "FILE");
  return message;
}

std::string error(const Strings& arguments, const Strings& environment = {}) {
  const auto settled = load(arguments, environment);
  return settled ? "no error" : settled.status().message();
}

TEST(ConfigLoadTest, WithoutAnythingEverythingHasItsDefault) {
  const auto settled = load({});
  ASSERT_TRUE(settled);
  EXPECT_EQ(setting_values(settled->config), setting_values(Config()));
  for (const Origin origin : settled->origins) EXPECT_EQ(origin, Origin::kDefault);
}

TEST(ConfigLoadTest, DefaultsAreTheDocumentedOnes) {
  const Config config;
  EXPECT_EQ(config.bind, Strings{"127.0.0.1"});
  EXPECT_EQ(config.port, 7379U);
  EXPECT_EQ(config.fsync, Fsync::kAlways);
  EXPECT_EQ(config.segment_size, 64 * kMiB);
  EXPECT_EQ(config.max_line_bytes, 256U * 1024);
  EXPECT_EQ(config.max_value_bytes, 64 * kMiB);
  EXPECT_EQ(config.max_key_bytes, 65'535U);
}

TEST(ConfigLoadTest, FlagsWinOverEnvironmentOverFileOverDefaults) {
  const File file(R"({"port": 1, "io_threads": 1, "max_clients": 1})");
  const auto settled =
      load({"--config", file.path(), "--port", "3"}, {"MINIKV_PORT=2", "MINIKV_IO_THREADS=2"});
  ASSERT_TRUE(settled) << settled.status().message();
  EXPECT_EQ(settled->config.port, 3U);
  EXPECT_EQ(settled->config.io_threads, 2U);
  EXPECT_EQ(settled->config.max_clients, 1U);
  EXPECT_EQ(settled->config.max_line_bytes, Config().max_line_bytes);
}

// For each row of the table: another value than the default arrives by every way, and nothing else changes
// with it.
TEST(ConfigLoadTest, EverySettingCanBeSetByFlagEnvironmentAndFile) {
  for (const Setting& setting : settings()) {
    std::string text;
    switch (setting.type) {
      case SettingType::kText: text = "/some/where"; break;
      case SettingType::kList: text = "::1,10.0.0.1"; break;
      case SettingType::kInteger: text = fmt::format("{}", setting.min + 7); break;
      case SettingType::kRatio: text = "0.25"; break;
      case SettingType::kSize: text = fmt::format("{}", setting.max - 1); break;
      case SettingType::kChoice: text = setting.choices.back(); break;
      case SettingType::kFlag: text = "true"; break;
    }
    Config expected;
    ASSERT_TRUE(setting.set(expected, text)) << setting.key;
    ASSERT_NE(setting.get(expected), setting.get(Config())) << setting.key;
    if (!check_together(expected)) {  // it takes another setting to allow this one
      ASSERT_EQ(setting.key, "max_value_bytes");
      text = "1KiB";
      ASSERT_TRUE(setting.set(expected, text));
    }
    const File file(fmt::format("{{\"{}\": \"{}\"}}", setting.key, text));
    const Result<Settled> ways[] = {load({fmt::format("{}={}", setting.flag(), text)}),
                                    load({}, {fmt::format("{}={}", setting.environment(), text)}),
                                    load({"--config", file.path()})};
    for (const auto& way : ways) {
      ASSERT_TRUE(way) << setting.key << ": " << way.status().message();
      EXPECT_EQ(setting_values(way->config), setting_values(expected)) << setting.key;
    }
  }
}

TEST(ConfigLoadTest, EveryRangeIsEnforcedAtBothEnds) {
  for (const Setting& setting : settings()) {
    if (setting.type != SettingType::kInteger && setting.type != SettingType::kSize) continue;
    Config config;
    EXPECT_TRUE(setting.set(config, fmt::format("{}", setting.min))) << setting.key;
    EXPECT_TRUE(setting.set(config, fmt::format("{}", setting.max))) << setting.key;
    const std::string before = setting.get(config);
    EXPECT_FALSE(setting.set(config, fmt::format("{}", setting.max + 1))) << setting.key;
    if (setting.min > 0) {
      EXPECT_FALSE(setting.set(config, fmt::format("{}", setting.min - 1))) << setting.key;
    }
    EXPECT_EQ(setting.get(config), before) << setting.key << ": a refused value changes nothing";
  }
}

TEST(ConfigLoadTest, FlagsTakeBothFormsAndConsentNeedsNoValue) {
  EXPECT_EQ(load({"--port", "0"})->config.port, 0U);
  EXPECT_EQ(load({"--port=0"})->config.port, 0U);
  EXPECT_TRUE(load({"--accept-data-loss"})->config.accept_data_loss);
  EXPECT_FALSE(load({"--accept-data-loss=false"}, {"MINIKV_ACCEPT_DATA_LOSS=1"})->config.accept_data_loss);
  const auto both = load({"--bind", "127.0.0.1, ::1"});
  EXPECT_EQ(both->config.bind, (Strings{"127.0.0.1", "::1"}));
}

TEST(ConfigLoadTest, WrongFlagsAreNamedWithTheLikelyRightOne) {
  EXPECT_EQ(error({"--prot", "80"}), "unknown option --prot; did you mean --port?");
  EXPECT_EQ(error({"--data_dir", "x"}), "unknown option --data_dir; did you mean --data-dir?");
  EXPECT_EQ(error({"--segmentsize=1MiB"}), "unknown option --segmentsize; did you mean --segment-size?");
  EXPECT_EQ(error({"--daemonize"}), "unknown option --daemonize (minikvd --help lists them)");
  EXPECT_EQ(error({"minikv.json"}),
            "unexpected argument 'minikv.json': values follow their flag (minikvd --help)");
  EXPECT_EQ(error({"--print-config=yaml"}), "--print-config=yaml is not plain or origins");
}

TEST(ConfigLoadTest, WrongValuesAreNamedWithWhatWouldBeRight) {
  EXPECT_EQ(error({"--port", "70000"}), "--port=70000 is out of range (0 to 65535)");
  EXPECT_EQ(error({"--port", "http"}), "--port=http is not a whole number");
  EXPECT_EQ(error({"--port", "-1"}), "--port=-1 is negative");
  EXPECT_EQ(error({"--fsync", "sometimes"}), "--fsync=sometimes is not always, interval or never");
  EXPECT_EQ(error({"--segment-size", "64M"}),
            "--segment-size=64M has a unit that may mean 1000s or 1024s (write 64MiB)");
  EXPECT_EQ(error({"--segment-size", "1KiB"}), "--segment-size=1KiB is out of range (1MiB to 1GiB)");
  EXPECT_EQ(error({"--data-dir", ""}), "--data-dir= is empty: fill it in, or leave it out");
  EXPECT_EQ(error({}, {"MINIKV_DATA_DIR="}), "MINIKV_DATA_DIR= is empty: fill it in, or leave it out");
  EXPECT_EQ(error({"--bind", "127.0.0.1,"}), "--bind=127.0.0.1, has an empty address in it");
  EXPECT_EQ(error({"--bind", "http://me/"}),
            "--bind=http://me/ is not a list of addresses (write 127.0.0.1,::1)");
  EXPECT_EQ(error({}, {"MINIKV_LOG_LEVEL=loud"}), "MINIKV_LOG_LEVEL=loud is not debug, info, warn or error");
  EXPECT_EQ(error({"--accept-data-loss=maybe"}), "--accept-data-loss=maybe is neither true nor false");
}

// A script that starts minikvd may put "$@" behind its own flags.
TEST(ConfigLoadTest, OfAFlagGivenTwiceTheLastCounts) {
  EXPECT_EQ(load({"--port=1", "--fsync", "never", "--port", "2"})->config.port, 2U);
  EXPECT_FALSE(load({"--accept-data-loss", "--accept-data-loss=false"})->config.accept_data_loss);
}

TEST(ConfigLoadTest, FlagsWithoutTheirValueAreRefused) {
  EXPECT_EQ(error({"--port"}), "--port: 1 required value missing");
  EXPECT_EQ(error({"--port="}), "--port= is empty: fill it in, or leave it out");
  EXPECT_EQ(error({"--config", ""}), "--config is empty");
}

TEST(ConfigLoadTest, ValuesThatAreFineAloneMustFitEachOther) {
  EXPECT_EQ(error({"--max-value-bytes=64MiB", "--max-batch-bytes=32MiB"}),
            "max_batch_bytes (32MiB) is too small for one write of max_value_bytes (64MiB) and max_key_bytes "
            "(65535); "
            "raise it, or lower max_value_bytes");
}

TEST(ConfigLoadTest, UnknownVariablesOfOursAreRefused) {
  EXPECT_EQ(error({}, {"MINIKV_DATADIR=/data"}),
            "unknown setting MINIKV_DATADIR in the environment; did you mean MINIKV_DATA_DIR?");
  EXPECT_EQ(error({}, {"MINIKV_port=1"}),
            "unknown setting MINIKV_port in the environment; did you mean MINIKV_PORT?");
  EXPECT_EQ(error({}, {"MINIKV_ANYTHING=1"}), "unknown setting MINIKV_ANYTHING in the environment; unset it");
}

// The client's variables, and those that Kubernetes sets for a service called minikv, are not for the server.
TEST(ConfigLoadTest, OthersVariablesAreLeftAlone) {
  EXPECT_EQ(error({}, {"PORT=x", "MINIKVD=x", "MINIKV_HOST=db1", "MINIKV_SERVICE_HOST=10.0.0.1",
                       "MINIKV_PORT_7379_TCP_ADDR=10.0.0.1"}),
            "no error");
}

TEST(ConfigLoadTest, TheFileMayHaveComments) {
  const File file("// what\n{\n  /* which */ \"port\": 1, // why\n  \"bind\": [\"127.0.0.1\", \"::1\"]\n}\n");
  const auto settled = load({}, {fmt::format("MINIKV_CONFIG={}", file.path())});
  ASSERT_TRUE(settled) << settled.status().message();
  EXPECT_EQ(settled->config.port, 1U);
  EXPECT_EQ(settled->config.bind, (Strings{"127.0.0.1", "::1"}));
  EXPECT_EQ(settled->config_file, file.path());
}

TEST(ConfigLoadTest, TheFlagForTheFileWinsOverTheVariable) {
  const File file(R"({"port": 1})");
  EXPECT_EQ(load({"--config", file.path()}, {"MINIKV_CONFIG=/nonexistent"})->config.port, 1U);
  EXPECT_EQ(error({}, {"MINIKV_CONFIG="}), "no error") << "empty is unset";
}

TEST(ConfigLoadTest, MistakesInTheFileAreNamed) {
  EXPECT_EQ(file_error(R"({"prot": 1})"), "FILE: unknown setting \"prot\"; did you mean \"port\"?");
  EXPECT_EQ(file_error(R"({"data-dir": "x"})"),
            "FILE: unknown setting \"data-dir\"; did you mean \"data_dir\"?");
  EXPECT_EQ(file_error(R"({"maxmemory": "1GiB"})"),
            "FILE: unknown setting \"maxmemory\" (minikvd --help lists them)");
  EXPECT_EQ(file_error(R"({"port": 70000})"), "FILE: \"port\": 70000 is out of range (0 to 65535)");
  EXPECT_EQ(file_error(R"({"port": -1})"), "FILE: \"port\": -1 is negative");
  EXPECT_EQ(file_error(R"({"port": 1.5})"), "FILE: \"port\": 1.5 is not a whole number");
  EXPECT_EQ(file_error(R"({"port": null})"), "FILE: \"port\": null is not a number");
  EXPECT_EQ(file_error(R"({"port": true})"), "FILE: \"port\": true is not a number");
  EXPECT_EQ(file_error(R"({"data_dir": 5})"), "FILE: \"data_dir\": 5 is not a string");
  EXPECT_EQ(file_error(R"({"bind": [1]})"), "FILE: \"bind\": [1] is neither a string nor a list of strings");
  EXPECT_EQ(file_error(R"({"bind": []})"), "FILE: \"bind\": [] has an empty address in it");
  EXPECT_EQ(file_error(R"({"accept_data_loss": 2})"),
            "FILE: \"accept_data_loss\": 2 is neither true nor false");
  EXPECT_EQ(file_error(R"({"port": 1, "port": 2})"), "FILE sets \"port\" twice");
  EXPECT_EQ(file_error("[]"), "FILE is not a JSON object: write { \"port\": 7379 }");
}

TEST(ConfigLoadTest, AFileThatIsNotJsonIsRefusedWithThePlace) {
  for (const char* text :
       {"", "{", "{\"port\": 1,}", "port: 1", "{\"port\": 1} {}", "\xff\xfe", "{\"a\": \"\xff\"}"}) {
    EXPECT_EQ(file_error(text).find("FILE is not JSON: parse error at line 1, column "), 0U)
        << file_error(text);
  }
}

// The place comes first and what was expected last; what is cut is what was read between.
TEST(ConfigLoadTest, WhatIsWrongWithAFileIsNotCutAwayByItsLength) {
  for (const std::size_t length : {1U, 100U, 5000U, 500'000U}) {
    const std::string message =
        file_error("{\n  \"data_dir\": \"" + std::string(length, 'x') + "\"\n  \"port\": 1\n}\n");
    EXPECT_EQ(message.find("FILE is not JSON: parse error at line 3, column 8: syntax error"), 0U) << message;
    EXPECT_TRUE(message.ends_with("expected '}'")) << message;
    EXPECT_LT(message.size(), 400U) << message;
    const std::string unfinished = file_error("{\n  \"data_dir\": \"" + std::string(length, 'x'));
    EXPECT_EQ(unfinished.find("FILE is not JSON: parse error at line 2, column "), 0U) << unfinished;
    EXPECT_LT(unfinished.size(), 400U) << unfinished;
  }
  const std::string directory = "/nonexistent/" + std::string(200, 'd') + "/minikv.json";
  EXPECT_EQ(error({"--config", directory}),
            "can't read the configuration file " + directory + ": No such file or directory")
      << "of a path the end matters most";
}

TEST(ConfigLoadTest, ATextThatIsEmptyIsAVariableThatIsNotFilledIn) {
  EXPECT_EQ(error({"--password-file", ""}), "--password-file= is empty: fill it in, or leave it out");
  EXPECT_EQ(error({}, {"MINIKV_PASSWORD_FILE="}),
            "MINIKV_PASSWORD_FILE= is empty: fill it in, or leave it out");
  EXPECT_EQ(error({}, {"MINIKV_PORT_FILE="}), "MINIKV_PORT_FILE= is empty: fill it in, or leave it out");
  EXPECT_EQ(error({}, {"MINIKV_PASSWORD="}), "MINIKV_PASSWORD is empty: fill it in, or unset it");
  EXPECT_EQ(error({"--port", ""}), "--port= is empty: fill it in, or leave it out");
  EXPECT_EQ(error({}, {"MINIKV_PORT="}), "MINIKV_PORT= is empty: fill it in, or leave it out");
  // And takes nothing that follows for its value.
  EXPECT_EQ(error({"--data-dir=", "--check-config"}), "--data-dir= is empty: fill it in, or leave it out");
  EXPECT_EQ(error({"--port=", "--check-config"}), "--port= is empty: fill it in, or leave it out");
  EXPECT_EQ(file_error(R"({"password_file": ""})"), "no error") << "which is how the sample says none";
}

TEST(ConfigLoadTest, ThePasswordOfTheEnvironmentIsNoSetting) {
  const auto settled = load({}, {"MINIKV_PASSWORD=hunter2", "MINIKV_USER=joe", "MINIKV_HISTORY=/x"});
  ASSERT_TRUE(settled) << settled.status().message();
  EXPECT_EQ(settled->password, "hunter2");
  for (const auto& [name, value] : setting_values(settled->config))
    EXPECT_EQ(value.find("hunter2"), value.npos) << name;
}

TEST(ConfigLoadTest, NumbersAreNumbersAndNothingElse) {
  for (const char* text :
       {"", "nan", "inf", "-inf", "0x1", "1e0", "+1", " 1", "1 ", "1.0", "-1", "99999999999999999999"}) {
    EXPECT_NE(error({"--port", text}), "no error") << text;
    EXPECT_NE(error({"--segment-size", text}), "no error") << text;
  }
  for (const char* text :
       {"", "nan", "inf", "-inf", "0", "-0.5", "1.01", "0x1", " 1", "1 ", "1e400", "1e-400", "0,5"}) {
    EXPECT_NE(error({"--compaction-dead-ratio", text}), "no error") << text;
  }
  EXPECT_EQ(error({"--compaction-dead-ratio=1e400"}),
            "--compaction-dead-ratio=1e400 is out of range (0.01 to 1)");
}

TEST(ConfigLoadTest, AFileThatCannotBeReadIsRefused) {
  EXPECT_EQ(error({"--config", "/nonexistent/minikv.json"}),
            "can't read the configuration file /nonexistent/minikv.json: No such file or directory");
  EXPECT_EQ(error({"--config", "/"}), "can't read the configuration file /: Is a directory");
  EXPECT_EQ(error({"--config", "/dev/zero"}),
            "/dev/zero is longer than 1MiB, which no configuration file is");
}

// Whatever is in it, a message stays on its line.
TEST(ConfigLoadTest, MessagesAreOneLine) {
  EXPECT_EQ(error({"--fsync", "a\nb"}), "--fsync=a\\x0ab is not always, interval or never");
  EXPECT_EQ(error({"--fs\nync", "x"}).find('\n'), std::string::npos);
  EXPECT_EQ(error({"--port=" + std::string(5000, '9')}).size(),
            std::string("--port= is too large").size() + 103);
  EXPECT_EQ(file_error("{\"a\\nb\": 1}").find('\n'), std::string::npos);
}

}  // namespace
}  // namespace minikv::server
